"""Print the OpenAPI document: `python -m tradebot_api > docs/openapi.json` after the API has changed on purpose."""

import json

from tradebot_api.app import create_app

print(json.dumps(create_app().openapi(), indent=2, sort_keys=True))
