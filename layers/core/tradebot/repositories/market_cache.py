"""Symbols and closed candles that one worker read for all. A claim says who reads; no transaction is open meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from tradebot.domain.candle import Candle
from tradebot.domain.symbol import ListedSymbol, SymbolRules

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

#: Longer than the exchange may take to answer: a worker that died holds a claim no longer than this.
CLAIM_SECONDS = 15
#: For so long an answer that lacks the newest candle counts as all there is.
ANSWER_KEPT_SECONDS = 2
LISTING_KEPT_SECONDS = 3_600
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_READ = text(f"""
    SELECT s.covered_from, s.covered_to, s.opening_at, s.opening_price, s.answered_at,
        coalesce(s.answered_to >= CAST(:end_at AS timestamptz)
            AND s.answered_at > clock_timestamp() - interval '{ANSWER_KEPT_SECONDS} s', false) AS was_just_asked,
        coalesce(s.fetching_until > clock_timestamp(), false) AS is_being_read,
        (SELECT string_agg(concat_ws(',', (extract(epoch FROM c.open_at) * 1000)::bigint,
                c.open, c.high, c.low, c.close, c.volume), ';' ORDER BY c.open_at)
            FROM candles AS c WHERE c.series_id = s.id AND c.open_at >= CAST(:start_at AS timestamptz)
                AND c.open_at < CAST(:end_at AS timestamptz)) AS packed
    FROM candle_series AS s WHERE s.venue = :venue AND s.symbol = :symbol AND s.timeframe = :timeframe
""")  # noqa: S608  made of this module's constants
_CLAIM_SERIES = text(f"""
    INSERT INTO candle_series AS s (venue, symbol, timeframe, fetching_until)
    VALUES (:venue, :symbol, :timeframe, clock_timestamp() + interval '{CLAIM_SECONDS} s')
    ON CONFLICT (venue, symbol, timeframe) DO UPDATE SET fetching_until = EXCLUDED.fetching_until
        WHERE s.fetching_until IS NULL OR s.fetching_until <= clock_timestamp()
    RETURNING id, answered_at
""")  # noqa: S608
# A stretch that does not touch the one that is covered takes its place: what is covered has no hole.
_STORE_CANDLES = text("""
    WITH stored AS (
        INSERT INTO candles (series_id, open_at, open, high, low, close, volume)
        SELECT CAST(:series_id AS int), to_timestamp(ms / 1000.0), o, h, l, c, v
        FROM unnest(CAST(:open_ms AS bigint[]), CAST(:opens AS numeric[]), CAST(:highs AS numeric[]),
            CAST(:lows AS numeric[]), CAST(:closes AS numeric[]), CAST(:volumes AS numeric[])) AS r (ms, o, h, l, c, v)
        ON CONFLICT DO NOTHING
    )
    UPDATE candle_series SET
        covered_from = CASE WHEN r.to_at >= covered_from AND r.from_at <= covered_to
            THEN least(covered_from, r.from_at) ELSE r.from_at END,
        covered_to = CASE WHEN r.to_at >= covered_from AND r.from_at <= covered_to
            THEN greatest(covered_to, r.to_at) ELSE r.to_at END,
        answered_to = greatest(answered_to, CAST(:answered_to AS timestamptz)), answered_at = clock_timestamp(),
        opening_at = coalesce(CAST(:opening_at AS timestamptz), opening_at),
        opening_price = coalesce(CAST(:opening_price AS numeric), opening_price),
        fetching_until = NULL
    FROM (SELECT CAST(:from_at AS timestamptz) AS from_at, CAST(:to_at AS timestamptz) AS to_at) AS r
    WHERE id = :series_id
""")
_RELEASE_SERIES = text("UPDATE candle_series SET fetching_until = NULL WHERE id = :series_id")
_DROP_UNUSED = text("""
    DELETE FROM candle_series
    WHERE coalesce(answered_at, fetching_until) < now() - CAST(:days AS int) * interval '1 day'
""")
_DROP_OLD = text("""
    WITH oldest AS (
        SELECT s.id, (SELECT c.open_at FROM candles AS c WHERE c.series_id = s.id
            ORDER BY c.open_at DESC OFFSET CAST(:most AS int) - 1 LIMIT 1) AS open_at
        FROM candle_series AS s
    ), cut AS (
        UPDATE candle_series AS s SET covered_from = greatest(s.covered_from, oldest.open_at) FROM oldest
        WHERE s.id = oldest.id AND oldest.open_at > s.covered_from AND s.fetching_until IS NULL
        RETURNING s.id, s.covered_from
    )
    DELETE FROM candles AS c USING cut WHERE c.series_id = cut.id AND c.open_at < cut.covered_from
""")
_FIND_SYMBOL = text(f"""
    SELECT m.listed_at IS NOT NULL AS is_listed, coalesce(
            m.listed_at > clock_timestamp() - interval '{LISTING_KEPT_SECONDS} s', false) AS is_fresh,
        s.symbol, s.status, s.base_asset, s.quote_asset, s.tick_size, s.step_size, s.min_qty, s.max_qty, s.min_notional
    FROM markets AS m LEFT JOIN market_symbols AS s ON s.venue = m.venue AND s.symbol = :symbol
    WHERE m.venue = :venue
""")  # noqa: S608
_CLAIM_MARKET = text(f"""
    INSERT INTO markets AS m (venue, fetching_until)
    VALUES (:venue, clock_timestamp() + interval '{CLAIM_SECONDS} s')
    ON CONFLICT (venue) DO UPDATE SET fetching_until = EXCLUDED.fetching_until
        WHERE (m.fetching_until IS NULL OR m.fetching_until <= clock_timestamp())
            -- Another worker may have read it since this one looked.
            AND (m.listed_at IS NULL OR m.listed_at <= clock_timestamp() - interval '{LISTING_KEPT_SECONDS} s')
    RETURNING venue
""")  # noqa: S608
_STORE_SYMBOLS = text("""
    INSERT INTO market_symbols AS s (venue, symbol, status, base_asset, quote_asset, tick_size, step_size, min_qty,
        max_qty, min_notional)
    SELECT :venue, r.* FROM unnest(CAST(:symbols AS varchar[]), CAST(:statuses AS varchar[]), CAST(:bases AS varchar[]),
        CAST(:quotes AS varchar[]), CAST(:ticks AS numeric[]), CAST(:steps AS numeric[]), CAST(:min_qtys AS numeric[]),
        CAST(:max_qtys AS numeric[]), CAST(:min_notionals AS numeric[])) AS r
    ON CONFLICT (venue, symbol) DO UPDATE SET status = EXCLUDED.status, base_asset = EXCLUDED.base_asset,
        quote_asset = EXCLUDED.quote_asset, tick_size = EXCLUDED.tick_size, step_size = EXCLUDED.step_size,
        min_qty = EXCLUDED.min_qty, max_qty = EXCLUDED.max_qty, min_notional = EXCLUDED.min_notional
""")
_DROP_DELISTED = text("DELETE FROM market_symbols WHERE venue = :venue AND symbol <> ALL (CAST(:symbols AS varchar[]))")
_LISTED = text("UPDATE markets SET listed_at = clock_timestamp(), fetching_until = NULL WHERE venue = :venue")
_RELEASE_MARKET = text("UPDATE markets SET fetching_until = NULL WHERE venue = :venue")


@dataclass(frozen=True, slots=True)
class Series:
    """Candles of one symbol and timeframe on one venue."""

    venue: str
    symbol: str
    timeframe: str

    def values(self, **more: Any) -> dict[str, Any]:
        """Return the parameters that name it, and more."""
        return {"venue": self.venue, "symbol": self.symbol, "timeframe": self.timeframe, **more}


@dataclass(frozen=True, slots=True)
class CandleView:
    """What is stored of a stretch, and whether more could be learned from the exchange."""

    candles: list[Candle]
    #: Of the candle that opens where the stretch ends, if it is known.
    opening_price: Decimal | None
    is_complete: bool
    #: When the exchange last answered for the series.
    answered_at: datetime | None = None
    #: Whether a worker is asking the exchange now.
    is_being_read: bool = False
    #: The last trade's, where the exchange has answered just now; it is not stored.
    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SeriesClaim:
    """The right to read a series for everybody."""

    series_id: int
    #: As it stood when this one claimed it.
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class SymbolView:
    """What is stored of a symbol. `listed` is None where the list lacks it."""

    listed: ListedSymbol | None
    is_fresh: bool


def read_candles(
    session: Session, series: Series, start_at: datetime, end_at: datetime, *, with_opening: bool
) -> CandleView:
    """Return the stored candles that open in [start_at, end_at)."""
    row = session.execute(_READ, series.values(start_at=start_at, end_at=end_at)).one_or_none()
    if row is None:
        return CandleView([], None, is_complete=False)
    covers = start_at >= end_at or (
        row.covered_from is not None and row.covered_from <= start_at and end_at <= row.covered_to
    )
    opening_price = row.opening_price if row.opening_at == end_at else None
    has_all = covers and not (with_opening and opening_price is None)
    reaches = start_at >= end_at or (row.covered_from is not None and row.covered_from <= start_at)
    candles = [] if row.packed is None else [_candle(one) for one in row.packed.split(";")]
    is_complete = has_all or (reaches and row.was_just_asked)
    return CandleView(
        candles,
        opening_price,
        is_complete=is_complete,
        answered_at=row.answered_at,
        is_being_read=row.is_being_read,
    )


def _candle(packed: str) -> Candle:
    open_ms, *numbers = packed.split(",")
    return Candle(_EPOCH + timedelta(milliseconds=int(open_ms)), *(Decimal(number) for number in numbers))


def claim_series(session: Session, series: Series) -> SeriesClaim | None:
    """Return a claim where this worker is to read the series; None where another one does."""
    row = session.execute(_CLAIM_SERIES, series.values()).one_or_none()
    return None if row is None else SeriesClaim(*row)


def release_series(session: Session, series_id: int) -> None:
    """Let another worker try."""
    session.execute(_RELEASE_SERIES, {"series_id": series_id})


def store_candles(
    session: Session,
    series_id: int,
    candles: Sequence[Candle],
    *,
    covered: tuple[datetime, datetime],
    answered_to: datetime,
    opening: Candle | None,
) -> None:
    """Store closed candles and what they cover, and give the claim back. One that is there stays as it is."""
    session.execute(
        _STORE_CANDLES,
        {
            "series_id": series_id,
            "open_ms": _array((one.open_time - _EPOCH) // timedelta(milliseconds=1) for one in candles),
            "opens": _array(one.open for one in candles),
            "highs": _array(one.high for one in candles),
            "lows": _array(one.low for one in candles),
            "closes": _array(one.close for one in candles),
            "volumes": _array(one.volume for one in candles),
            "from_at": covered[0],
            "to_at": covered[1],
            "answered_to": answered_to,
            "opening_at": None if opening is None else opening.open_time,
            "opening_price": None if opening is None else opening.open,
        },
    )


def drop_old_candles(session: Session, *, unused_days: int, most: int) -> None:
    """Drop series that nobody asked for in days, and of the others all but the newest `most` candles."""
    session.execute(_DROP_UNUSED, {"days": unused_days})
    session.execute(_DROP_OLD, {"most": most})


def find_symbol(session: Session, venue: str, symbol: str) -> SymbolView | None:
    """Return what is stored of a symbol; None where the venue's list was never read."""
    row = session.execute(_FIND_SYMBOL, {"venue": venue, "symbol": symbol}).one_or_none()
    if row is None or not row.is_listed:
        return None
    if row.symbol is None:
        return SymbolView(None, row.is_fresh)
    rules = SymbolRules(
        symbol=row.symbol,
        base_asset=row.base_asset,
        quote_asset=row.quote_asset,
        tick_size=row.tick_size,
        step_size=row.step_size,
        min_qty=row.min_qty,
        max_qty=row.max_qty,
        min_notional=row.min_notional,
    )
    return SymbolView(ListedSymbol(rules, row.status), row.is_fresh)


def claim_market(session: Session, venue: str) -> bool:
    """Tell whether this worker is to read the venue's list."""
    return session.execute(_CLAIM_MARKET, {"venue": venue}).one_or_none() is not None


def release_market(session: Session, venue: str) -> None:
    """Let another worker try."""
    session.execute(_RELEASE_MARKET, {"venue": venue})


def store_symbols(session: Session, venue: str, symbols: Sequence[ListedSymbol]) -> None:
    """Store the venue's list, drop what is no longer on it, and give the claim back."""
    names = _array(one.rules.symbol for one in symbols)
    session.execute(
        _STORE_SYMBOLS,
        {
            "venue": venue,
            "symbols": names,
            "statuses": _array(one.status for one in symbols),
            "bases": _array(one.rules.base_asset for one in symbols),
            "quotes": _array(one.rules.quote_asset for one in symbols),
            "ticks": _array(one.rules.tick_size for one in symbols),
            "steps": _array(one.rules.step_size for one in symbols),
            "min_qtys": _array(one.rules.min_qty for one in symbols),
            "max_qtys": _array(one.rules.max_qty for one in symbols),
            "min_notionals": _array(one.rules.min_notional for one in symbols),
        },
    )
    session.execute(_DROP_DELISTED, {"venue": venue, "symbols": names})
    session.execute(_LISTED, {"venue": venue})


def _array(values: Iterable[object]) -> str:
    """Return an array in Postgres' own notation: thousands of values travel as one parameter."""
    quoted = (str(value).replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"
