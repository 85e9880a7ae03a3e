"""Every topic, as data: who owns it, what its key is, how many lanes it has. `deploy` creates them from here."""

from dataclasses import dataclass

from shared.domain.values import Lane

MAX_BODY_BYTES = 800_000


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind of message that its owner publishes. A topic of facts exists once a lane, so real time never waits behind bulk."""

    name: str
    owner: str
    key: str
    lanes: tuple[Lane, ...] = (Lane.REAL_TIME,)
    compacted: bool = False

    def on(self, lane: Lane) -> str:
        """The name on the broker: `employees.v1`, `employees.bulk.v1`. A topic of one lane has one name."""
        if lane is Lane.REAL_TIME or len(self.lanes) == 1:
            return self.name
        return self.name.replace(".v", ".bulk.v")

    def names(self) -> tuple[str, ...]:
        """Its names on the broker, real time first."""
        return tuple(self.on(lane) for lane in self.lanes)


_BOTH = (Lane.REAL_TIME, Lane.BULK)

EMPLOYEES = Topic("employees.v1", "importer", "record id", _BOTH)
IMPORTS = Topic("imports.v1", "importer", "run id")
LINKS = Topic("links.v1", "mapper", "source record id", _BOTH)
PUSHES = Topic("pushes.v1", "syncer", "source record id", _BOTH)
SYNCS = Topic("syncs.v1", "syncer", "run id")
VIEWS = Topic("views.v1", "history", "company id")
SETTINGS = Topic("settings.v1", "gateway", "company id", compacted=True)
NOTIFICATIONS = Topic("notifications.v1", "gateway", "record id")
IMPORTER_COMMANDS = Topic("importer.commands.v1", "gateway", "record id or run id")
MAPPER_COMMANDS = Topic("mapper.commands.v1", "gateway", "record id or run id")
SYNCER_COMMANDS = Topic("syncer.commands.v1", "gateway", "record id or run id")

TOPICS: tuple[Topic, ...] = (
    EMPLOYEES,
    IMPORTS,
    LINKS,
    PUSHES,
    SYNCS,
    VIEWS,
    SETTINGS,
    NOTIFICATIONS,
    IMPORTER_COMMANDS,
    MAPPER_COMMANDS,
    SYNCER_COMMANDS,
)
