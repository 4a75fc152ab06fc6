"""The vocabulary of seeded worlds: what people look at with Custom Labels, and what they call it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """Something that projects look at, with the labels they tell apart."""

    name: str
    labels: tuple[str, ...]
    detection: bool
    """Boxes around objects; otherwise labels for whole images."""


FAMILIES = (
    Family("bottle-cap", ("aligned", "tilted", "missing", "scratched"), detection=False),
    Family("pcb-solder", ("bridge", "cold_joint", "insufficient", "ok"), detection=True),
    Family("safety-vest", ("vest", "no_vest", "helmet"), detection=True),
    Family("retail-shelf", ("gap", "misplaced", "facing", "price_tag"), detection=True),
    Family("weld-seam", ("porosity", "undercut", "spatter", "clean"), detection=False),
    Family("leaf-disease", ("rust", "mildew", "blight", "healthy"), detection=False),
    Family("fabric-weave", ("hole", "stain", "slub", "regular"), detection=False),
    Family("meter-dial", ("dial", "pointer", "digits"), detection=True),
    Family("parcel-label", ("barcode", "address", "torn", "fragile"), detection=True),
    Family("crop-row", ("row", "weed", "bare_soil"), detection=True),
    Family("rail-tie", ("intact", "split", "missing_clip"), detection=False),
    Family("turbine-blade", ("erosion", "crack", "lightning_mark", "clean"), detection=True),
    Family("coral-reef", ("bleached", "healthy", "algae"), detection=False),
    Family("pill-blister", ("full", "empty_cell", "broken_pill"), detection=False),
    Family("road-sign", ("stop", "yield", "speed_limit", "damaged", "covered"), detection=True),
    Family("timber-knot", ("sound_knot", "dead_knot", "resin"), detection=True),
    Family("egg-grading", ("clean", "dirty", "cracked"), detection=False),
    Family("tile-crack", ("crack", "chip", "flawless"), detection=False),
    Family("tire-tread", ("even", "cupped", "worn"), detection=False),
    Family("café-crockery", ("tasse", "soucoupe", "ébréché"), detection=False),
)

PURPOSES = ("inspection", "defects", "classifier", "detector", "survey", "counter", "grading", "triage")

_STRIDE = 37  # coprime to the number of combinations, so that a walk meets each of them once


def family_of(name: str) -> Family:
    """Return the family of this name; raises KeyError when there is none."""
    return {family.name: family for family in FAMILIES}[name]


def project_name(index: int, offset: int, *, moderation: bool = False) -> tuple[str, Family]:
    """Name of the project number `index` of a scope, unlike all others there, and what it looks at.

    `offset` shifts the walk through the vocabulary, so that scopes differ.
    """
    combinations = len(FAMILIES) * len(PURPOSES)
    at = (index * _STRIDE + offset) % combinations
    family, purpose = FAMILIES[at % len(FAMILIES)], PURPOSES[at // len(FAMILIES)]
    ascii_name = family.name.replace("é", "e")  # project names are ASCII, labels are not
    words = [*ascii_name.split("-"), "moderation" if moderation else purpose]
    if index >= combinations or moderation:
        words += ["site", str(index // combinations + 1)] if not moderation else [str(index)]
    return ("_" if at % 3 == 1 else "-").join(words), family
