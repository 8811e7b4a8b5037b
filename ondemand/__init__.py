"""The ``ondemand`` command and the stack for one machine: all that the Functions app talks to, without a cloud."""
