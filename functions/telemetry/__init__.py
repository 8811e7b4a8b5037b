"""Traces and metrics. ``active`` does nothing until `functions.telemetry.start` finds where to send them."""

from functions.telemetry.signals import Telemetry

active = Telemetry()
