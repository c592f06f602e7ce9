import { createHash } from 'node:crypto'

/** The one style sheet of reports and site. It is in the page; its hash is what the content policy lets in. */
export const style = `
:root{color-scheme:light dark;--bg:#fff;--text:#1a1d21;--muted:#565e68;--line:#d5d9de;--shade:#f4f5f7;--link:#0a4f98;
--good:#1c6435;--bad:#a01c17;--warn:#7a4d00;--read:#9aa6b4;--change:#4f7fb5;--disrupt:#274e7d;--wait:#c3ab74}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--text:#e4e7eb;--muted:#a3abb5;--line:#363d45;--shade:#1d2125;--link:#8fbcf7;
--good:#74d093;--bad:#ff9187;--warn:#f0bd66;--read:#6b7683;--change:#5f95d2;--disrupt:#a9cdf5;--wait:#85713f}}
*{box-sizing:border-box}
html{font:15px/1.45 system-ui,sans-serif;background:var(--bg);color:var(--text);-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:76rem;padding:1rem 1.25rem 4rem}
h1{font-size:1.5rem;line-height:1.25;margin:.2rem 0 .3rem;font-weight:650;overflow-wrap:anywhere}
h2{font-size:1.08rem;margin:2.1rem 0 .5rem;padding-top:.5rem;border-top:1px solid var(--line);font-weight:650}
h3{font-size:1rem;margin:1.1rem 0 .3rem;font-weight:600;overflow-wrap:anywhere}
p{margin:.35rem 0;max-width:72ch;overflow-wrap:anywhere}
ul,ol{margin:.35rem 0;padding-left:1.3rem}
li{margin:.15rem 0;overflow-wrap:anywhere}
a{color:var(--link);text-underline-offset:.15em}
:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:2px}
code,pre,.mono{font-family:ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;font-size:.87em}
code{overflow-wrap:anywhere}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--shade);border:1px solid var(--line);margin:.3rem 0;padding:.45rem .6rem;overflow:clip;line-height:1.35}
.muted,dt,.note{color:var(--muted)}
.note{font-size:.92em}
dl{display:grid;grid-template-columns:minmax(7rem,max-content) 1fr;gap:.22rem 1rem;margin:.6rem 0}
dt,dd{margin:0;min-width:0;overflow-wrap:anywhere}
dd p:first-child,dd ul:first-child{margin-top:0}
.lead{font-size:1.08rem}
.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
.state{font-weight:600}
.box{border-left:4px solid var(--line);padding:.1rem 0 .1rem .8rem;margin:.7rem 0}
.box.bad,.box.warn,.box.good{color:inherit}
.box.bad{border-color:var(--bad)}.box.warn{border-color:var(--warn)}.box.good{border-color:var(--good)}
.box h3{margin-top:0}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;width:100%;font-size:.95em;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--muted);padding:.2rem 0;font-size:.92em}
th,td{text-align:left;vertical-align:top;padding:.28rem .9rem .28rem 0;border-bottom:1px solid var(--line);overflow-wrap:break-word}
th{font-weight:600;color:var(--muted);white-space:nowrap}
tbody th{color:inherit;white-space:normal}
td.n,th.n{text-align:right}
td.w{white-space:nowrap}
td.name{min-width:6.5rem}
nav.top~section:first-of-type h2{border:0;margin-top:.6rem}
details{margin:.1rem 0}
summary{cursor:pointer;padding:.16rem 0}
details.step>summary,details.call>summary{list-style-position:outside;margin-left:1.1rem;overflow-wrap:anywhere}
details.step{border-bottom:1px solid var(--line)}
.in{margin:.2rem 0 .7rem 1.1rem}
.aside{color:var(--muted);font-size:.92em;margin-left:.5rem}
svg{display:block;overflow:visible}
svg text{font:11px system-ui,sans-serif;fill:var(--muted)}
.lane{display:grid;grid-template-columns:8rem 1fr;gap:.6rem;align-items:start;border-top:1px solid var(--line);padding:.25rem 1.4rem .25rem 0}
.lane>:first-child{overflow-wrap:anywhere;font-size:.92em}
.read{fill:var(--read)}.change{fill:var(--change)}.disrupt,.destroy{fill:var(--disrupt)}.waiting{fill:var(--wait)}
.wrong{stroke:var(--bad);stroke-width:1.5}
.hatch{stroke:var(--bad);stroke-width:3}
.hatchbg{fill:var(--bg)}
.rule{stroke:var(--line)}.break{stroke:var(--muted);stroke-dasharray:2 3}
.curve{stroke:var(--change);stroke-width:2.5}.curve.low{stroke:var(--bad)}
.zero{stroke:var(--warn);stroke-dasharray:5 3}
.dot{fill:var(--change)}.dot.low{fill:none;stroke:var(--bad);stroke-width:2}
.key{display:inline-block;vertical-align:-1px}
.keys{font-size:.92em;color:var(--muted);display:flex;flex-wrap:wrap;gap:.2rem 1.1rem}
.under{color:var(--muted);font-weight:400;font-size:.82em;overflow-wrap:anywhere}
nav.pages{display:flex;gap:1.2rem}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
nav.top{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;padding:.2rem 0 .6rem;border-bottom:1px solid var(--line);margin-bottom:1rem}
.skip:not(:focus){position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
form.filter{display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));gap:.5rem .9rem;align-items:end;margin:.6rem 0 1rem}
label{display:block;font-size:.92em;color:var(--muted)}
input,select,button{font:inherit;color:inherit;background:var(--bg);border:1px solid var(--muted);border-radius:3px;padding:.28rem .45rem;width:100%;min-width:0;height:2.1rem}
input[type=checkbox]{width:1.15rem;height:1.15rem;margin:.1rem 0 0}
button{width:auto;cursor:pointer;background:var(--shade);padding:.3rem .9rem}

@media (max-width:40rem){body{padding:.6rem .8rem 3rem}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.45rem}.lane{grid-template-columns:1fr;gap:.1rem}
table.cards thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
table.cards,table.cards caption,table.cards tbody,table.cards tr,table.cards td,table.cards th{display:block;width:100%}
table.cards tr{border-bottom:1px solid var(--line);padding:.45rem 0}table.cards td,table.cards th{border:0;padding:.05rem 0;text-align:left}
table.cards.dense td{display:inline-block;width:auto;min-width:0;margin-right:.9rem;vertical-align:middle}
table.cards td[data-of]::before{content:attr(data-of) " ";color:var(--muted)}}
@media print{html{font-size:10.5pt;background:#fff;color:#000}body{max-width:none;padding:0}nav,nav.top,nav.pages,form.filter,.skip{display:none}
details::details-content{content-visibility:visible;block-size:auto;overflow:visible}h2,h3,summary{break-after:avoid}tr,.box,.lane{break-inside:avoid}a{color:inherit}}
`

/** For `style-src`. */
export const styleHash = `'sha256-${createHash('sha256').update(style).digest('base64')}'`
