"""The page's style sheet: one set of colours for light, one for dark, chosen by the reader's system."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root{--page:#f4f6f8;--card:#fff;--ink:#17212b;--faint:#65727f;--rule:#e3e8ed;--price:#56636f;--equity:#2563eb;
--long:#2563eb;--short:#8b3fd9;--gain:#0b8a4b;--loss:#d3302f;--stop:#d98200}
@media (prefers-color-scheme:dark){:root{--page:#10151b;--card:#19212a;--ink:#e6ebf0;--faint:#93a1af;--rule:#2a3440;
--price:#a9b6c3;--equity:#6ea8ff;--long:#6ea8ff;--short:#c69bff;--gain:#3ccf86;--loss:#ff7a75;--stop:#f5b142}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 20px 48px}
header{margin:0 4px 18px}
h1{font-size:24px;margin:0}
header p{margin:2px 0 0;color:var(--faint)}
h2{font-size:15px;margin:0}
h3{font-size:13px;margin:18px 0 4px;color:var(--faint);font-weight:600}
section,.tile{background:var(--card);border:1px solid var(--rule);border-radius:10px}
section{padding:14px 16px;margin-top:14px}
.head{display:flex;flex-wrap:wrap;justify-content:space-between;gap:4px 20px;margin-bottom:6px}
.key{display:flex;flex-wrap:wrap;gap:2px 16px;color:var(--faint);font-size:13px}
.key span{display:inline-flex;align-items:center;gap:6px}
.sample{width:18px;height:14px}
section>svg{display:block;width:100%;height:auto}
.notes{border-left:3px solid var(--stop);margin-bottom:14px}.notes ul{margin:0;padding-left:18px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:14px}
.tile{padding:12px 16px;display:flex;flex-direction:column}
.tile span,.tile small{color:var(--faint);font-size:13px}
.tile b{font-size:21px;font-weight:650;font-variant-numeric:tabular-nums}
b.gain,td.gain{color:var(--gain)}b.loss,td.loss{color:var(--loss)}
.columns{display:grid;grid-template-columns:1fr 1fr;gap:14px;align-items:start}
@media (max-width:760px){.columns{grid-template-columns:1fr}}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
td,th{padding:5px 8px;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}
td:first-child,th:first-child{text-align:left;padding-left:0}
tr:last-child td,tr:last-child th{border-bottom:0}
thead th{color:var(--faint);font-weight:600;font-size:13px}
.orders td:nth-child(2),.orders th:nth-child(2),.orders td:nth-child(3),.orders th:nth-child(3){text-align:left}
.months{table-layout:fixed;min-width:860px;border-spacing:3px;border-collapse:separate}
.months td,.months th{border:0;text-align:center;padding:6px 2px;border-radius:5px;font-size:13px}
.months th:first-child{width:52px}
.months td{background:color-mix(in srgb,var(--rule) 45%,transparent)}
.months td:first-child,.months td:nth-child(n){text-align:center;padding-left:2px}
.months td.gain{background:color-mix(in srgb,var(--gain) var(--weight),transparent);color:var(--ink)}
.months td.loss{background:color-mix(in srgb,var(--loss) var(--weight),transparent);color:var(--ink)}
.scroll{overflow-x:auto}
summary{cursor:pointer;font-weight:600}
details .scroll{margin-top:8px;max-height:480px;overflow-y:auto}
.grid{stroke:var(--rule);stroke-width:1}
.tick{fill:var(--faint);font-size:12px;font-variant-numeric:tabular-nums}
.line{fill:none;stroke-width:1.4;stroke-linejoin:round}
.line.price{stroke:var(--price)}.line.equity{stroke:var(--equity);stroke-width:1.8}.line.faint{stroke:var(--faint);opacity:.7}
.line.loss{stroke:var(--loss)}.line.stop{stroke:var(--stop)}
.area.price{fill:var(--price);opacity:.22}.area.equity{fill:var(--equity);opacity:.25}.area.loss{fill:var(--loss);opacity:.25}
.bar.gain{fill:var(--gain)}.bar.loss{fill:var(--loss)}
.mark{stroke:var(--card);stroke-width:.8}
.lane{fill:none;stroke-width:1;opacity:.55}.lane.long{stroke:var(--long)}.lane.short{stroke:var(--short)}
.lane.gain{stroke:var(--gain)}.lane.loss{stroke:var(--loss)}
.mark.long{fill:var(--long)}.mark.short{fill:var(--short)}.mark.gain{fill:var(--gain)}.mark.loss{fill:var(--loss)}
@media print{body{background:#fff}section,.tile{break-inside:avoid}}
"""
