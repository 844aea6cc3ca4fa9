"""Reads the objects on standard input by models made of their operators' own schemas, and writes what these know."""

import json
import sys

import cloudcoil.models.knative_serving.serving.v1
import cloudcoil.models.prometheus_operator.v1

MODELS = {
    "Service": cloudcoil.models.knative_serving.serving.v1.Service,
    "ServiceMonitor": cloudcoil.models.prometheus_operator.v1.ServiceMonitor,
}

for data in json.load(sys.stdin):
    print(MODELS[data["kind"]].model_validate(data).model_dump_json(by_alias=True, exclude_unset=True))
