"""Which thing in Superset a file is about: the same name is the same thing, at every import and on every machine."""

from uuid import NAMESPACE_URL, uuid5

_NAMESPACE = uuid5(NAMESPACE_URL, "fedlog/superset")

_KEPT = {
    # Made before names decided. Another identity would collide with what installations already have.
    "database/fedlog": "3800b398-41dd-527b-ad02-f11b884d6d05",
    "dashboard/fleet-now": "d02153b4-9add-5649-a173-39ece6b1e585",
    "dataset/dead_letters": "d16bfdff-208b-51a1-8130-4e3e6f2ddae9",
    "dataset/device_errors": "a8ce540e-2e12-5073-8560-6942925bcc6e",
    "dataset/devices": "f4672968-637f-56bc-aa1a-d57b3f9c4545",
    "dataset/global_model_contributions": "2a7232e7-64c5-55f7-afad-fff0ab58e4cb",
    "dataset/global_model_errors": "b14d0dd6-e21f-5d6a-96db-6d20cc17a041",
    "dataset/global_models": "935caf03-f82a-5f88-9d93-c7712650205e",
    "dataset/predictions": "db336886-b711-59c7-b851-5ab2a6b02f39",
    "dataset/readings": "896f79a1-4768-59bc-a9cd-41df8399127f",
    "chart/dead_letters": "47b2645c-69cc-5926-a9a3-fd9894e08e08",
    "chart/devices": "a19823f4-0187-56bb-ac85-8d219bd40e1c",
    "chart/global_model_error": "8a167b85-6348-56d7-a36f-ea427f051f5a",
    "chart/newest_global_model": "5df56b12-af7a-5538-80a9-5ecd9c021c26",
}


def uuid_of(kind: str, name: str) -> str:
    """The identity of the ``database``, ``dataset``, ``chart`` or ``dashboard`` of this name."""
    whole = f"{kind}/{name}"
    return _KEPT.get(whole) or str(uuid5(_NAMESPACE, whole))
