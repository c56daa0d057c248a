"""Which dependencies each layer carries, which it leaves out and why, and what of a package is not shipped."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Layer:
    """One dependency layer: the distributions it is made for, with what they need."""

    distributions: tuple[str, ...]
    #: Layers that every function with this one also has: what they carry is not carried again.
    over: tuple[str, ...] = ()
    #: Distribution that is required on paper but not shipped -> the reason.
    left_out: dict[str, str] = field(default_factory=dict)
    #: Folder or file of a package, relative to `python/` -> patterns inside it of all that is kept.
    kept_only: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: Patterns, anywhere in `python/`, of what no function reads.
    dropped: tuple[str, ...] = ()
    #: Files written over a package's own: path relative to `python/` -> content.
    replaced: dict[str, str] = field(default_factory=dict)


_ASYNCHRONOUS = "only ccxt's asynchronous client imports it; a function does one thing at a time"

LAYERS: dict[str, Layer] = {
    "observability": Layer(distributions=("aws-lambda-powertools",)),
    # Takes the place of `observability` where tracing is on.
    "tracing": Layer(
        distributions=("aws-lambda-powertools", "aws-xray-sdk"),
        left_out={
            "botocore": "the Lambda runtime has it",
            "python-dateutil": "botocore needs it",
            "six": "python-dateutil needs it",
            "urllib3": "botocore needs it",
        },
    ),
    "database": Layer(
        distributions=("sqlalchemy", "pg8000"),
        over=("observability",),
        dropped=("sqlalchemy/testing",),  # 2 MB for the tests of dialects
    ),
    "cryptography": Layer(
        distributions=("cryptography",),
        left_out={"pycparser": "cffi needs it to parse C declarations; cryptography's are compiled"},
        kept_only={"cffi": ()},  # cryptography calls its compiled backend, which stands beside it
    ),
    "web": Layer(
        distributions=("fastapi", "mangum", "pydantic", "pyjwt", "email-validator", "swagger-ui-bundle"),
        over=("observability", "database", "cryptography"),
        left_out={
            "dnspython": "only a check of deliverability asks the DNS, and pydantic has email-validator leave it out",
            "jinja2": "renders a page of swagger-ui-bundle that is not used: FastAPI has its own",
            "markupsafe": "jinja2 needs it",
        },
        kept_only={
            # 3 of its 20 MB: the rest are source maps and other builds of the same page.
            "swagger_ui_bundle": (
                "__init__.py",
                "vendor/*/swagger-ui-bundle.js",
                "vendor/*/swagger-ui.css",
                "vendor/*/favicon-32x32.png",
            ),
        },
    ),
    "trading": Layer(
        distributions=("ccxt",),
        over=("observability", "database", "cryptography"),
        left_out={
            "aiohappyeyeballs": _ASYNCHRONOUS,
            "aiohttp": _ASYNCHRONOUS,
            "aiohttp-fast-zlib": _ASYNCHRONOUS,
            "aiosignal": _ASYNCHRONOUS,
            "attrs": _ASYNCHRONOUS,
            "coincurve": "signs for exchanges on Ethereum",
            "frozenlist": _ASYNCHRONOUS,
            "multidict": _ASYNCHRONOUS,
            "propcache": _ASYNCHRONOUS,
            "uvloop": _ASYNCHRONOUS,
            "winloop": _ASYNCHRONOUS,
            "yarl": _ASYNCHRONOUS,
            "zlib-ng": _ASYNCHRONOUS,
        },
        # 2 of its 38 MB and one of its hundred exchanges.
        kept_only={"ccxt": ("__init__.py", "base/*", "binance.py", "abstract/__init__.py", "abstract/binance.py")},
        replaced={"ccxt/__init__.py": '"""Binance alone: the other exchanges are not shipped."""\n'},
    ),
    "pandas": Layer(
        distributions=("pandas",),
        over=("observability", "database"),
        left_out={"tzdata": "its tables of time zones are for Windows; everything here is in UTC"},
        # Together 60 MB: their tests, and what compiles Fortran and C against them.
        dropped=(
            "pandas/tests",
            "numpy/**/tests",
            "numpy/f2py",
            "numpy/_core/include",
            "numpy/_core/lib",
        ),
    ),
    "migrations": Layer(distributions=("alembic",), over=("observability", "database")),
}
