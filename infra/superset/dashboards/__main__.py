"""Write the files that Superset imports: ``python -m infra.superset.dashboards``."""

from infra.settings import ROOT
from infra.superset.dashboards.catalogue import DASHBOARDS
from infra.superset.dashboards.files import files, write

FOLDER = ROOT / "infra" / "superset" / "assets"

if __name__ == "__main__":
    write(FOLDER, files(DASHBOARDS))
