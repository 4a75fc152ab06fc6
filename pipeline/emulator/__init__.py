"""The Rekognition Custom Labels endpoint for demos and tests; needs the extra `reklake[emulator]` to run."""

from pipeline.emulator.accounts import DEFAULT_ACCOUNT, key_for
from pipeline.emulator.demo_world import demo_world
from pipeline.emulator.emulator import Emulator
from pipeline.emulator.errors import EmulatorError
from pipeline.emulator.faults import Fault
from pipeline.emulator.random_world import RandomWorld
from pipeline.emulator.service import Call
from pipeline.emulator.world import Dataset, StaticWorld, World

__all__ = [
    "DEFAULT_ACCOUNT",
    "Call",
    "Dataset",
    "Emulator",
    "EmulatorError",
    "Fault",
    "RandomWorld",
    "StaticWorld",
    "World",
    "demo_world",
    "key_for",
]
