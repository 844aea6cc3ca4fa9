"""Leaves out of the installed packages what no path of the service loads: python leave_out.py SITE-PACKAGES."""

import shutil
import sys
from pathlib import Path

import lief

UNUSED = (
    "ai_edge_litert/aot",
    "ai_edge_litert/tools",
    "ai_edge_litert/vendors",
    "ai_edge_litert/libLiteRt.so",  # another interface than the interpreter
    "ai_edge_litert/libLiteRtWebGpuAccelerator.so",
    "PIL/_avif.*",
    "PIL/_imagingcms.*",
    "PIL/_imagingft.*",  # fonts
    "pillow.libs/libavif-*",
    "pillow.libs/libbrotli*",
    "pillow.libs/libfreetype-*",
    "pillow.libs/libharfbuzz-*",
    "pillow.libs/liblcms2-*",
    "**/tests",
    "**/*.pyi",
)

# What OpenCV reads films with, and solves equations with: nothing that the service does. Its reader of AVIF stays: all
# its readers are made ready for any picture.
UNUSED_BY_OPENCV = ("libavcodec", "libavformat", "libavutil", "libsw", "libopenblas")


def main(packages: Path) -> None:
    """Remove what is `UNUSED`, and the libraries that OpenCV loads only because it names them."""
    for pattern in UNUSED:
        for path in list(packages.glob(pattern)):
            remove(path)
    unlink_libraries(packages / "cv2" / "cv2.abi3.so", packages / "opencv_python_headless.libs")


def remove(path: Path) -> None:
    """Remove a file or a folder, if it was not in another that is removed."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def unlink_libraries(extension: Path, folder: Path) -> None:
    """Have an extension load without the libraries `UNUSED_BY_OPENCV`: what it takes from them becomes optional."""
    module = lief.ELF.parse(extension)
    unused = {name: lief.ELF.parse(folder / name) for name in module.libraries if name.startswith(UNUSED_BY_OPENCV)}
    symbols = {symbol.name for library in unused.values() for symbol in library.exported_symbols}
    for symbol in module.dynamic_symbols:
        if symbol.imported and symbol.name in symbols:
            symbol.binding = lief.ELF.Symbol.BINDING.WEAK
            if symbol.has_version:
                symbol.symbol_version.as_global()
    for name in unused:
        module.remove_library(name)
        module.remove_version_requirement(name)
    module.write(str(extension))
    kept = needed(module, folder)
    for library in folder.iterdir():
        if library.name not in kept:
            library.unlink()


def needed(module: lief.ELF.Binary, folder: Path) -> set[str]:
    """Name the libraries in a folder that an extension or a library loads, and those that they load."""
    names = {str(name) for name in module.libraries if (folder / name).exists()}
    return names.union(*(needed(lief.ELF.parse(folder / name), folder) for name in names))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
