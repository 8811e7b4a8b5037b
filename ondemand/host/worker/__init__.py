"""The Python worker of Azure Functions: what it is asked and answers, and two that can be asked."""
