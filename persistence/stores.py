"""All stores on one database."""

from persistence.assignments import Assignments
from persistence.audit import Audit
from persistence.bandits import Bandits
from persistence.credentials import Credentials
from persistence.elements import Elements
from persistence.engine import Database
from persistence.experiments import Experiments
from persistence.feed import Feed
from persistence.funnels import Funnels
from persistence.keys import Keys
from persistence.metrics import Metrics
from persistence.people import People
from persistence.projects import Projects
from persistence.snapshots import Snapshots
from persistence.sums import Sums
from persistence.tallies import Tallies
from persistence.variants import Variants


class AllStores:
    def __init__(self, database: Database) -> None:
        self.assignments = Assignments(database)
        self.audit = Audit(database)
        self.bandits = Bandits(database)
        self.credentials = Credentials(database)
        self.elements = Elements(database)
        self.experiments = Experiments(database)
        self.feed = Feed(database)
        self.funnels = Funnels(database)
        self.keys = Keys(database)
        self.metrics = Metrics(database)
        self.people = People(database)
        self.projects = Projects(database)
        self.snapshots = Snapshots(database)
        self.sums = Sums(database)
        self.tallies = Tallies(database)
        self.variants = Variants(database)
