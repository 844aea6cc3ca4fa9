"""All versions of the model, as they are on disk: loaded when new, dropped when gone, and swapped without a pause."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from service.errors import ModelError, ServiceError, UnknownLabel, UnknownModel
from service.models import loading, models_folder, store
from service.models.loading import Model
from service.models.runtimes import TensorFlow
from service.models.store import FileState, VersionPolicy
from service.settings import Settings

POLL_SECONDS = 0.25

State = Literal["START", "LOADING", "AVAILABLE", "UNLOADING", "END"]  # the names of TensorFlow Serving

log = logging.getLogger(__name__)


@dataclass
class Version:
    """A version on disk, and the result of loading it."""

    number: int
    folder: Path
    files: FileState  # as last seen
    attempted_files: FileState | None = None  # at the last attempt to load the version
    state: State = "START"
    error: str = ""  # why the files of the version were rejected
    fault: str = ""  # how the version misreads the known digits
    model: Model | None = None  # None also if it was dropped because no request needs it
    last_used: float = 0.0  # when a request named it, or when it was the default; 0 for never

    @property
    def problem(self) -> str:
        """The error or fault for the version's status. A version with a fault is served."""
        return self.error or self.fault

    @property
    def is_needed(self) -> bool:
        """Whether requests have used the model, or loading it again would take seconds: LiteRT takes 20 ms."""
        return self.model is not None and (self.last_used > 0 or self.model.runtime.name == TensorFlow.name)

    def is_ready_to_load(self, files: FileState) -> bool:
        """Return whether the files have changed since the last attempt to load them, but not since they were last seen.

        Files that still change are being copied.
        """
        return files == self.files and files != self.attempted_files


class Repository:
    """The versions that are served. Any thread may ask for a model; one thread at a time loads."""

    def __init__(
        self, settings: Settings, on_change: Callable[["Repository"], None] = lambda _: None, finder: str = ""
    ) -> None:
        """Load the default version. A thread loads the other versions.

        Args:
            settings: the folder of models, and how versions are loaded.
            on_change: called whenever the state of a version changes.
            finder: the SHA-256 of the finder that is loaded, if any.

        """
        self._settings, self._on_change, self._finder = settings, on_change, finder
        self._versions: dict[int, Version] = {}
        self._policy = VersionPolicy()
        self._default: Model | None = None
        self._ignored: list[str] = []
        self.empty_reason = ""  # why the folder has no version, if it has none
        self._lock, self._closed = threading.RLock(), threading.Event()
        self._scan()
        self._read_policy()
        for number in self._policy.order(list(self._versions)):
            if self._default is None or self._default.fault:
                self._load_and_activate(self._versions[number])
        self._watcher = threading.Thread(target=self._watch, name="versions", daemon=True)
        self._watcher.start()

    def default(self) -> Model:
        """Return the model that answers requests that name no version.

        Raises:
            ModelError: no version can be served. The message says why.

        """
        if self._default is None:
            reasons = [self.empty_reason, *(version.error for version in self.versions())]
            reason = next(filter(None, reasons), "")
            raise ModelError(f"There is no version of the model {store.NAME} that can be served. {reason}".rstrip())
        return self._default

    def model(self, number: int) -> Model:
        """Return the model of a version, which is loaded now if necessary.

        Raises:
            UnknownModel: there is no such version, or it was rejected.

        """
        version = self._versions.get(number) or self._find_new(number)
        if version is None:
            raise UnknownModel(f"There is no version {number} of the model {store.NAME}.")
        version.last_used = time.monotonic()
        model = version.model or self._load_again(version)
        if model is None:
            raise UnknownModel(f"Version {number} of the model {store.NAME} can't be served: {version.error}")
        return model

    def number(self, label: str) -> int:
        """Return the number of the version that a label names.

        Raises:
            UnknownLabel: there is no such label or version.

        """
        number = self._policy.labels.get(label)
        if number is None or number not in self._versions:
            raise UnknownLabel(f"Unrecognized servable version label: {label}.")
        return number

    def versions(self) -> list[Version]:
        """Return all versions, the highest first."""
        return sorted(self._versions.values(), key=lambda version: -version.number)

    def numbers(self) -> list[int]:
        """Return the numbers of the versions that were not rejected, the lowest first."""
        return sorted(version.number for version in self.versions() if version.state != "END")

    def is_withdrawn(self, number: int) -> bool:
        """Return whether a version is withdrawn: it is not the default while another version can be."""
        return number in self._policy.withdrawn

    def close(self) -> None:
        """Stop watching the disk, and wait for a load in progress: TensorFlow must not load while the process ends."""
        self._closed.set()
        self._watcher.join()

    def refresh(self) -> None:
        """Load, reload and remove versions as they are on disk now. Files that still change are left for later."""
        with self._lock:
            ready = self._scan()
            self._read_policy()
            for version in sorted(ready, key=lambda version: -version.number):
                if not self._closed.is_set():
                    self._load_and_activate(version)
            self._choose_default()

    def _watch(self) -> None:
        while not self._closed.is_set():
            try:
                self.refresh()
            except Exception:  # a disk may fail for a while
                log.exception("The versions on disk can't be read.")
            self._closed.wait(POLL_SECONDS)

    def _scan(self) -> list[Version]:
        """Update the list of versions from the disk, and return the versions that are ready to load."""
        folder = models_folder.versions_folder(self._settings)
        folders = store.find_versions(folder)
        self._log_folder(folder, folders)
        self._remove_missing(folders)
        ready = []
        for number, version_folder in folders.items():
            files = store.read_file_state(version_folder)
            version = self._versions.setdefault(number, Version(number, version_folder, files))
            if version.is_ready_to_load(files):
                ready.append(version)
            version.files = files
        return ready

    def _remove_missing(self, folders: Mapping[int, Path]) -> None:
        """Remove the versions whose folders are gone. If no folder is left, the loaded versions are served on."""
        for number, version in list(self._versions.items()):
            if not folders and version.model:
                self._serve_from_memory(version)
            elif folders.get(number) != version.folder:
                self._remove(version)

    def _log_folder(self, folder: Path, folders: Mapping[int, Path]) -> None:
        """Log, once, that a folder has no version, or has files that look like versions and are not served."""
        if folders and folder.parent == self._settings.models:  # the package's own versions don't serve again
            self._settings = msgspec.structs.replace(self._settings, shipped_first=False)
        empty_reason = "" if folders else models_folder.explain_empty(self._settings.models)
        if empty_reason not in ("", self.empty_reason):
            log.error("There is no version on disk. %s", empty_reason)
        ignored = store.describe_ignored(folder)
        for sentence in ignored:
            if sentence not in self._ignored:
                log.warning("%s", sentence)
        self.empty_reason, self._ignored = empty_reason, ignored

    def _read_policy(self) -> None:
        if self.empty_reason:  # the folder may be gone: keep the labels
            return
        try:
            self._policy = store.read_policy(models_folder.versions_folder(self._settings))
        except ModelError as error:
            log.warning("The labels stay as they were. %s", error)

    def _load_and_activate(self, version: Version) -> Model | None:
        """Load a version and serve it instead of its previous files; reject it if it can't be loaded."""
        version.attempted_files = version.files
        self._set_state(version, "LOADING" if version.model is None else version.state)
        try:
            version.model = model = loading.load(version.folder, self._settings)
        except Exception as error:
            self._reject(version, error)
            return None
        version.error, version.fault = "", model.fault
        self._set_state(version, "AVAILABLE")
        self._choose_default()
        self._drop_unneeded()
        self._log_loaded(model)
        return model

    def _log_loaded(self, model: Model) -> None:
        log.info("Version %d is served by %s.", model.version, model.runtime.name)
        if model.fault:
            log.warning("Version %d is not the default while another one can be. %s", model.version, model.fault)
        if self._finder and model.finder not in ("", self._finder):
            log.warning(
                "Version %d was measured with another finder than the one that is loaded: its threshold may not fit.",
                model.version,
            )

    def _reject(self, version: Version, error: Exception) -> None:
        """Record why a version can't be loaded. If it was loaded before, the loaded model is served on."""
        version.error = str(error) if isinstance(error, ServiceError) else f"{type(error).__name__}: {error}."
        log.error("Version %d is rejected. %s", version.number, version.error)
        self._set_state(version, "END" if version.model is None else version.state)

    def _serve_from_memory(self, version: Version) -> None:
        """Serve a loaded version on while no version is on disk. It is loaded again when it is back."""
        reason = f"It is served from memory. {self.empty_reason}"
        if version.error != reason:
            version.attempted_files, version.error = None, reason
            log.warning("Version %d is served from memory, until this process ends.", version.number)
            self._on_change(self)

    def _remove(self, version: Version) -> None:
        del self._versions[version.number]
        version.model = None
        self._set_state(version, "END")
        log.info("Version %d is gone.", version.number)

    def _set_state(self, version: Version, state: State) -> None:
        version.state = state
        self._on_change(self)

    def _choose_default(self) -> None:
        """Make the first available version in the policy's order the default; without one, keep the default."""
        available = [number for number, version in self._versions.items() if version.state == "AVAILABLE"]
        misread = {number for number in available if self._versions[number].fault}
        for number in self._policy.order(available, misread):
            if model := self._versions[number].model or self._load_again(self._versions[number]):
                self._default, self._versions[number].last_used = model, time.monotonic()
                return

    def _find_new(self, number: int) -> Version | None:
        """Find and load a version that this process has not seen yet: another process may have listed it."""
        if number not in store.find_versions(models_folder.versions_folder(self._settings)):
            return None
        with self._lock:
            self._scan()
            version = self._versions.get(number)
            if version and version.attempted_files is None:
                self._load_and_activate(version)
            return version

    def _load_again(self, version: Version) -> Model | None:
        with self._lock:
            if version.model is None and version.state in ("START", "AVAILABLE"):
                return self._load_and_activate(version)  # the version itself may be dropped at once
            return version.model

    def _drop_unneeded(self) -> None:
        """Drop the models that aren't needed, and the least recently used beyond `max_loaded`; but not the default.

        A new version is loaded to check it. The two older bundled versions would keep 5 MB in each worker.
        """
        spare = [version for version in self._versions.values() if version.model and version.model is not self._default]
        spare.sort(key=lambda version: version.last_used, reverse=True)
        room = self._settings.max_loaded - (self._default is not None)
        for place, version in enumerate(spare):
            if place >= room or not version.is_needed:
                version.model = None
                self._on_change(self)
