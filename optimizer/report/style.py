"""The page's style sheet: light and dark, narrow and wide, nothing loaded from elsewhere."""

from typing import Final

__all__ = ["STYLE"]

STYLE: Final = """
:root{color-scheme:light dark;--ink:#1b2330;--soft:#5a6577;--line:#d9dfe8;--ground:#fff;
--panel:#f6f8fb;--main:#1f6feb;--good:#177245;--bad:#b3261e;--cloud:#7a4fbf;--pale:#aab4c3}
@media (prefers-color-scheme:dark){:root{--ink:#e4e9f1;--soft:#9aa6b8;--line:#323b49;
--ground:#12161d;--panel:#1a2029;--main:#6ea8fe;--good:#5fcf98;--bad:#ff8a80;--cloud:#c3a3ff;
--pale:#5b6778}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1060px;padding:24px 20px 60px;background:var(--ground);
color:var(--ink);font:15px/1.5 system-ui,sans-serif}
h1{font-size:24px;margin:0 0 2px}h2{font-size:17px;margin:34px 0 8px}
p{margin:6px 0}.soft,.none,figcaption{color:var(--soft)}.none{font-style:italic}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px;margin:16px 0}
.card{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:10px 12px}
.card b{display:block;font-size:20px;font-variant-numeric:tabular-nums}
.card span{color:var(--soft);font-size:13px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:22px}
figure{margin:0}figcaption{font-size:13px;margin-top:2px}
svg.chart{width:100%;height:auto;display:block}
.scroll{overflow-x:auto}.scroll>svg.chart{width:var(--wide,100%);max-width:none}
svg text{font:12px system-ui,sans-serif;fill:var(--soft)}svg text.strong{fill:var(--ink);
font-weight:600}svg text.name{fill:var(--ink)}
svg text.tag{paint-order:stroke;stroke:var(--ground);stroke-width:4px;stroke-linejoin:round}
.grid{stroke:var(--line)}.axis{stroke:var(--soft)}
.line,.frontline{fill:none;stroke:var(--main);stroke-width:2}.frontline{stroke-dasharray:5 4}
.trial{fill:var(--pale)}.chosen,.member{fill:var(--main)}
.broken{fill:none;stroke:var(--bad)}.recommended{stroke:var(--ink);stroke-width:2}
.heat{fill:var(--main)}
.step rect{fill:var(--panel);stroke:var(--main);stroke-width:1.5}
.at-cloud rect{stroke:var(--cloud);stroke-dasharray:6 3}
.wire{fill:none;stroke:var(--soft);stroke-width:1.5}
.wire.guarded{stroke-dasharray:4 3}.arrowhead{fill:var(--soft)}
table{border-collapse:collapse;font-size:14px;min-width:min(100%,520px)}
th,td{padding:5px 22px 5px 0;text-align:left;border-bottom:1px solid var(--line);
vertical-align:top}th{font-weight:600}td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
td.key{font:12px ui-monospace,monospace;overflow-wrap:anywhere;min-width:180px}
.questions{width:auto}.questions th,.questions td{padding:2px 9px 2px 0;font-size:13px}
.questions td,.questions thead th+th{text-align:center}
.right{color:var(--good)}.wrong{color:var(--bad)}
.left{text-decoration:underline dotted var(--cloud) 2px;text-underline-offset:3px}
details summary{cursor:pointer;color:var(--main)}
"""
