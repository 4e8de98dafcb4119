"""Scenario + replication → Manifest: all vehicles and all their draws, as arrays.

Nothing to the right of the manifest draws a random number. What does not depend on the replication
(calendars, cumulative arrival rates, mean payloads) is worked out once, in a `ManifestPlan`.
"""

from borderport.manifest.arrivals import port_zone
from borderport.manifest.behaviour import TRIP_STRIDE
from borderport.manifest.drawing import draw_manifest
from borderport.manifest.drawing_plan import ManifestPlan, plan_manifest
from borderport.manifest.manifest import FlowManifest, Manifest, Mask

__all__ = [
    "TRIP_STRIDE",
    "FlowManifest",
    "Manifest",
    "ManifestPlan",
    "Mask",
    "draw_manifest",
    "plan_manifest",
    "port_zone",
]
