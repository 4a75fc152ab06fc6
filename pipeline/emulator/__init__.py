"""The Rekognition Custom Labels endpoint for demos and tests; needs the extra `reklake[emulator]` to run."""

from pipeline.emulator.accounts import DEFAULT_ACCOUNT, key_for
from pipeline.emulator.demo_world import demo_world
from pipeline.emulator.emulator import Emulator
from pipeline.emulator.errors import EmulatorError
from pipeline.emulator.faults import Fault, FaultKind
from pipeline.emulator.seeded import DEFAULT_NOW, SeededWorld
from pipeline.emulator.service import Call
from pipeline.emulator.world import Dataset, StaticWorld, World

default_world = demo_world

__all__ = [
    "DEFAULT_ACCOUNT",
    "DEFAULT_NOW",
    "Call",
    "Dataset",
    "Emulator",
    "EmulatorError",
    "Fault",
    "FaultKind",
    "SeededWorld",
    "StaticWorld",
    "World",
    "default_world",
    "demo_world",
    "key_for",
]
