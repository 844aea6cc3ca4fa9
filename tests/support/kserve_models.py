"""Makes the InferenceService on standard input by the models of KServe's SDK: an error if they refuse it."""

import json
import re
import sys
from typing import Any

import kserve.models
import kubernetes.client.models

SCALARS = {"int": int, "str": str, "bool": bool}


def make(kind: str, data: Any) -> Any:
    if listed := re.fullmatch(r"[Ll]ist\[(.+)\]", kind):
        return [make(listed[1], each) for each in data]
    model = getattr(kserve.models, kind, None) or getattr(kubernetes.client.models, kind, None)
    if not model:
        if not isinstance(data, SCALARS.get(kind, object)):
            raise TypeError(f"{data!r} is not of the type {kind}.")
        return data
    fields = {name: field for field, name in model.attribute_map.items()}
    if unknown := data.keys() - fields.keys():
        raise TypeError(f"{kind} has no {', '.join(unknown)}.")
    return model(**{fields[name]: make(model.openapi_types[fields[name]], value) for name, value in data.items()})


make("V1beta1InferenceService", json.load(sys.stdin))
