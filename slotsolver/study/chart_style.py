"""The style of a study's charts, beside that of plans."""

from __future__ import annotations

CHART_STYLE = """
.slotsolver {
  .part { stroke: var(--paper); stroke-width: 1 }
  .part.plan { fill: #009e73 } .part.infeasible { fill: #d55e00 }
  .part.undecided { fill: #f0e442 } .part.broken { fill: var(--used) }
  .one-share { display: grid; align-items: center; gap: 0 1em; margin: 3px 0;
               grid-template-columns: minmax(0, 11em) minmax(0, 1fr) 13em; break-inside: avoid }
  .one-share .value { overflow-wrap: anywhere }
  .share-of { font-variant-numeric: tabular-nums } .share-of small { color: var(--soft) }
  .heat { border-collapse: separate; border-spacing: 2px }
  .heat th, .heat td { border: 0; padding: .35em .6em; text-align: center; font-size: 12px }
  .heat th[scope="row"], .heat .corner { text-align: left }
  .heat td { min-width: 3.2em; font-variant-numeric: tabular-nums; print-color-adjust: exact;
             -webkit-print-color-adjust: exact }
  .heat .none { color: var(--soft) }
  .choices { border: 0; margin: .4em 0; padding: 0; display: flex; flex-wrap: wrap;
             gap: .3em 1.1em }
  .choices legend { color: var(--soft); float: left; padding: 0; margin-right: 1em }
  .choices label { overflow-wrap: anywhere; min-width: 0; cursor: pointer }
  .label { display: inline-block; white-space: normal; overflow-wrap: anywhere; max-width: 11em }
  .one-heat { display: none }
  .points { margin: .8em 0 1.5em; max-width: 900px }
  .points .axis { color: var(--soft); font-size: 12px; max-width: none }
  .points .right { text-align: right }
  .points a { cursor: pointer }
  .grid { stroke: var(--line); stroke-width: 1 }
  .point { fill: #0072b2; fill-opacity: .75; stroke: var(--ink); stroke-width: 1 }
  .point.hollow { fill: var(--paper); stroke: #d55e00; stroke-width: 2.5 }
  a:hover .point, a:focus .point { stroke-width: 4 }
  svg text.start { text-anchor: start }
  a { color: light-dark(#0058a3, #7cc0ff) }
  .figures { display: flex; flex-wrap: wrap; gap: .6em 2.4em; margin: 1em 0; padding: 0 }
  .figures div { min-width: 7em }
  .figures dt { color: var(--soft); font-size: 12px }
  .figures dd { margin: 0; font-size: 1.5em; font-weight: 500; font-variant-numeric: tabular-nums }
  .scenario { display: none; border-top: 3px solid var(--line); margin-top: 2em; padding-top: .5em }
  .scenario:target { display: block }
  .long { display: inline-block; white-space: normal; min-width: 14em; max-width: 36em }
  .two { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0 3em }
}
@container page (min-width: 1000px) {
  .slotsolver .two { grid-template-columns: repeat(2, minmax(0, 1fr)) }
}
@media print { .slotsolver .heat td { min-width: 2.4em; padding: .3em } }
@container page (max-width: 520px) {
  .slotsolver .one-share { grid-template-columns: minmax(0, 1fr) auto }
  .slotsolver .one-share .bar { grid-column: 1 / -1; grid-row: 2 }
}
"""
_SHADES = (
    "#f7fbff",
    "#deebf7",
    "#c6dbef",
    "#9ecae1",
    "#7db8da",
    "#5ba3cf",
    "#2f74b3",
    "#155a9c",
    "#08306b",
)
SHADE_STYLE = "".join(
    f".slotsolver .shade{step}{{background:{shade};color:{'#111' if step < 6 else '#fff'}}}"
    for step, shade in enumerate(_SHADES)
)
"""Blues from light to dark, after ColorBrewer (https://colorbrewer2.org), which the colour-blind
can tell apart; numbers stand in every cell."""
