"""All versions of the model, kept as they are on disk: taken when new, dropped when gone, swapped without a pause."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from service.errors import ModelError, ServiceError, UnknownLabel, UnknownModel
from service.models import loading, models_folder, store
from service.models.loading import Model
from service.models.store import Choice, Snapshot
from service.settings import Settings

POLL_SECONDS = 0.25

State = Literal["START", "LOADING", "AVAILABLE", "UNLOADING", "END"]  # as TensorFlow Serving calls them

log = logging.getLogger(__name__)


@dataclass
class Version:
    """A version on disk, and what came of it."""

    number: int
    folder: Path
    files: Snapshot  # as last seen
    tried: Snapshot | None = None  # as they were when it was loaded or refused
    state: State = "START"
    reason: str = ""  # why it was refused as it is on disk
    fault: str = ""  # how it misreads digits that any version should read
    model: Model | None = None  # dropped where others are used more
    used: float = field(default_factory=time.monotonic)

    @property
    def remark(self) -> str:
        """Say what is wrong with it, for its status; it may be served all the same."""
        return self.reason or self.fault


class Repository:
    """The versions that are served. Any thread may ask for a model; one at a time loads."""

    def __init__(
        self, settings: Settings, on_change: Callable[["Repository"], None] = lambda _: None, finder: str = ""
    ) -> None:
        """Take the default version; the others follow in the background.

        Args:
            settings: the folder of models, and how versions are loaded.
            on_change: called whenever the state of a version changes.
            finder: the checksum of the finder that is loaded, if one is.

        """
        self._settings, self._on_change, self._finder = settings, on_change, finder
        self._versions: dict[int, Version] = {}
        self._choice = Choice()
        self._default: Model | None = None
        self._ignored: list[str] = []
        self.emptiness = ""  # why the folder has no version, if it has none
        self._lock, self._closed = threading.RLock(), threading.Event()
        self._scan()
        self._read_choice()
        for number in self._choice.order(list(self._versions)):
            if self._default is None or self._default.fault:
                self._take(self._versions[number])
        self._watcher = threading.Thread(target=self._watch, name="versions", daemon=True)
        self._watcher.start()

    def default(self) -> Model:
        """Give the version that is served where none is asked for.

        Raises:
            ModelError: none can be served; it says why.

        """
        if self._default is None:
            reasons = [self.emptiness, *(version.reason for version in self.versions())]
            reason = next(filter(None, reasons), "")
            raise ModelError(f"There is no version of the model {store.NAME} that can be served. {reason}".rstrip())
        return self._default

    def model(self, number: int) -> Model:
        """Give a version by its number, loaded now if it isn't.

        Raises:
            UnknownModel: there is no such version, or it was refused.

        """
        version = self._versions.get(number) or self._find_new(number)
        if version is None:
            raise UnknownModel(f"There is no version {number} of the model {store.NAME}.")
        version.used = time.monotonic()
        model = version.model or self._load_again(version)
        if model is None:
            raise UnknownModel(f"Version {number} of the model {store.NAME} can't be served: {version.reason}")
        return model

    def number(self, label: str) -> int:
        """Give the number of the version that carries a label.

        Raises:
            UnknownLabel: none does.

        """
        number = self._choice.labels.get(label)
        if number is None or number not in self._versions:
            raise UnknownLabel(f"Unrecognized servable version label: {label}.")
        return number

    def versions(self) -> list[Version]:
        """List all versions, the highest first."""
        return sorted(self._versions.values(), key=lambda version: -version.number)

    def numbers(self) -> list[int]:
        """List the versions that answer, the lowest first: all but those that were refused."""
        return sorted(version.number for version in self.versions() if version.state != "END")

    def is_withdrawn(self, number: int) -> bool:
        """Tell whether a version is not to be the default while there are others."""
        return number in self._choice.withdrawn

    def close(self) -> None:
        """Look at the disk no more; what is loaded stays. A process must not end while TensorFlow loads a version."""
        self._closed.set()
        self._watcher.join()

    def refresh(self) -> None:
        """Bring all up to what is on disk now; a version that is still being written is left for later."""
        with self._lock:
            settled = self._scan()
            self._read_choice()
            for version in sorted(settled, key=lambda version: -version.number):
                if not self._closed.is_set():
                    self._take(version)
            self._choose_default()

    def _watch(self) -> None:
        while not self._closed.is_set():
            try:
                self.refresh()
            except Exception:  # a disk that fails for a while must not end this
                log.exception("The versions on disk can't be looked through.")
            self._closed.wait(POLL_SECONDS)

    def _scan(self) -> list[Version]:
        """Take note of what is on disk, and give the versions to be tried: new or changed, and as they were before."""
        folder = models_folder.versions_folder(self._settings)
        found = store.find(folder)
        self._report(folder, found)
        for number, version in list(self._versions.items()):
            if not found and version.model:
                self._keep(version)
            elif found.get(number) != version.folder:
                self._remove(version)
        settled = []
        for number, folder in found.items():
            files = store.snapshot(folder)
            version = self._versions.setdefault(number, Version(number, folder, files))
            if version.files == files != version.tried:
                settled.append(version)
            version.files = files
        return settled

    def _report(self, folder: Path, found: Mapping[int, Path]) -> None:
        """Log what has changed of a folder: that it has no version, or has what looks like one."""
        if found and folder.parent == self._settings.models:  # from here on, those of the package are another model
            self._settings = msgspec.structs.replace(self._settings, shipped_first=False)
        emptiness = "" if found else models_folder.why_empty(self._settings.models)
        if emptiness not in ("", self.emptiness):
            log.error("There is no version on disk. %s", emptiness)
        ignored = store.ignored(folder)
        for sentence in ignored:
            if sentence not in self._ignored:
                log.warning("%s", sentence)
        self.emptiness, self._ignored = emptiness, ignored

    def _read_choice(self) -> None:
        if self.emptiness:  # of a folder that is gone nothing is known
            return
        try:
            self._choice = store.read_choice(models_folder.versions_folder(self._settings))
        except ModelError as error:
            log.warning("The labels stay as they were. %s", error)

    def _take(self, version: Version) -> Model | None:
        """Load a version beside the others, and put it in place of what it was before; or refuse it."""
        version.tried = version.files
        self._become(version, "LOADING" if version.model is None else version.state)
        try:
            version.model = model = loading.load(version.folder, self._settings)
        except Exception as error:
            self._refuse(version, error)
            return None
        version.reason, version.fault, version.used = "", model.fault, time.monotonic()
        self._become(version, "AVAILABLE")
        self._choose_default()
        self._drop_least_used()
        log.info("Version %d is served by %s.", version.number, model.runtime.name)
        if model.fault:
            log.warning("Version %d is not the default while another one can be. %s", version.number, model.fault)
        if self._finder and model.finder not in ("", self._finder):
            log.warning(
                "Version %d was measured with another finder than the one that is loaded: its threshold may not fit.",
                version.number,
            )
        return model

    def _refuse(self, version: Version, error: Exception) -> None:
        version.reason = str(error) if isinstance(error, ServiceError) else f"{type(error).__name__}: {error}."
        log.error("Version %d is refused. %s", version.number, version.reason)
        self._become(version, "END" if version.model is None else version.state)

    def _keep(self, version: Version) -> None:
        """Serve a version from memory while none is on disk; it is tried again when it is back."""
        reason = f"It is served from memory. {self.emptiness}"
        if version.reason != reason:
            version.tried, version.reason = None, reason
            log.warning("Version %d is served from memory, until this process ends.", version.number)
            self._on_change(self)

    def _remove(self, version: Version) -> None:
        del self._versions[version.number]
        version.model = None
        self._become(version, "END")
        log.info("Version %d is gone.", version.number)

    def _become(self, version: Version, state: State) -> None:
        version.state = state
        self._on_change(self)

    def _choose_default(self) -> None:
        """Make the best version the default; where none is available, the old one keeps serving."""
        available = [number for number, version in self._versions.items() if version.state == "AVAILABLE"]
        misread = {number for number in available if self._versions[number].fault}
        for number in self._choice.order(available, misread):
            if model := self._versions[number].model or self._load_again(self._versions[number]):
                self._default = model
                return

    def _find_new(self, number: int) -> Version | None:
        """Take a version that another process may have found a moment before."""
        if number not in store.find(models_folder.versions_folder(self._settings)):
            return None
        with self._lock:
            self._scan()
            version = self._versions.get(number)
            if version and version.tried is None:
                self._take(version)
            return version

    def _load_again(self, version: Version) -> Model | None:
        with self._lock:
            if version.model is None and version.state in ("START", "AVAILABLE"):
                return self._take(version)  # it may be dropped again at once
            return version.model

    def _drop_least_used(self) -> None:
        spare = [each for each in self._versions.values() if each.model and each.model is not self._default]
        loaded = len(spare) + (self._default is not None)
        for version in sorted(spare, key=lambda version: version.used)[: max(0, loaded - self._settings.max_loaded)]:
            version.model = None
            self._on_change(self)
