"""Triton and its Python backend, of the wheel nvidia-pytriton.

python -m ...servers.triton_server PORT GRPC_PORT FP32-OR-UINT8
"""

import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

MODELS = Path(__file__).parent / "triton"
TRITON = Path(sysconfig.get_path("platlib")) / "pytriton" / "tritonserver"

if __name__ == "__main__":
    # The stub, in which models run, is made for each Python. It looks for Python's library, and for python on the path.
    stub = TRITON / "python_backend_stubs" / sysconfig.get_python_version() / "triton_python_backend_stub"
    shutil.copy2(stub, TRITON / "backends" / "python")
    os.environ["LD_LIBRARY_PATH"] = sysconfig.get_config_var("LIBDIR")
    os.environ["PATH"] = f"{sys.prefix}/bin:{os.environ['PATH']}"
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path.cwd()), sysconfig.get_path("platlib")])
    server = str(TRITON / "bin" / "tritonserver")
    addresses = [f"--{kind}-address=127.0.0.1" for kind in ("http", "grpc")]
    models = Path(tempfile.mkdtemp()) / "models"
    config = shutil.copytree(MODELS, models) / "mnist" / "config.pbtxt"
    config.write_text(config.read_text().replace("TYPE_INPUT", f"TYPE_{sys.argv[3]}"))
    options = ["--allow-metrics=false", f"--http-port={sys.argv[1]}", f"--grpc-port={sys.argv[2]}", *addresses]
    folders = [f"--model-repository={models}", f"--backend-directory={TRITON / 'backends'}"]
    os.execv(server, [server, *options, *folders])  # noqa: S606
