import strawberry

from domain.analysis import intervals as domain
from graphql_api.types.view import View


@strawberry.type(description="A range that holds the truth with the stated confidence.")
class Interval(View):
    entity = domain.Interval

    lower: float = strawberry.field(description="Its lower end.")
    upper: float = strawberry.field(description="Its upper end.")
    level: float = strawberry.field(description="The confidence, as 0.95.")
