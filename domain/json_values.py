from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any] | list[Any]
