"""The style of pictures and tables in a browser: light and dark, narrow and printed.

Everything is below ``.slotsolver``, so that a fragment in a notebook changes nothing around it.
"""

from __future__ import annotations

from slotsolver.export.svg_parts import DARK_HUES, HUES, WIDTHS

_HUES = "".join(
    f".h{number}{{--hue:{hue};--on:{'#fff' if hue in DARK_HUES else '#111'}}}"
    for number, hue in enumerate(HUES)
)
_ROOM = "".join(
    f"@container bar (max-width:{width - 0.1:g}px){{.slotsolver .from{width}{{display:none}}}}"
    f"@container bar (min-width:{width}px){{.slotsolver .to{width}{{display:none}}}}"
    for width in WIDTHS
)
"""Labels are there in bars of these widths: ``from300 to600`` from 300 px up to below 600 px."""

STYLE = (
    """
.slotsolver {
  color-scheme: light dark;
  --paper: light-dark(#ffffff, #15181d);
  --ink: light-dark(#1b1f24, #e8eaed);
  --soft: light-dark(#57606a, #a5adb7);
  --line: light-dark(#d5d9de, #3a4048);
  --wash: light-dark(#f4f6f8, #1d2127);
  --used: light-dark(#8a929b, #79818b);
  --good: light-dark(#00664a, #3ecf9f);
  --open: light-dark(#8a4b00, #f0b350);
  --bad: light-dark(#a32a00, #ff9a73);
  container: page / inline-size;
  background: var(--paper); color: var(--ink);
  font: 14px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  text-align: left; overflow-wrap: break-word; print-color-adjust: exact;
  -webkit-print-color-adjust: exact;
}
[data-jp-theme-light="true"] .slotsolver { color-scheme: light }
[data-jp-theme-light="false"] .slotsolver { color-scheme: dark }
.slotsolver {
  h2 { font-size: 1.3em; font-weight: 600; line-height: 1.3; margin: 1.6em 0 .3em }
  h1 bdi, h2 bdi, p bdi { overflow-wrap: anywhere }
  h2 small { color: var(--soft); font-size: .8em; font-weight: 400; margin-left: .5em }
  h3 { font-size: 1em; font-weight: 600; margin: 1.8em 0 .4em }
  p { margin: .3em 0; max-width: 46em }
  .facts, .aside, figcaption { color: var(--soft) }
  .good { color: var(--good) } .open { color: var(--open) } .bad { color: var(--bad) }
  .verdict { margin: 1.2em 0 } .verdict.bad { font-weight: 600 }
  code, pre { font: 12px/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace }
  code { white-space: nowrap; background: none; color: inherit; padding: 0 }
  pre { background: var(--wash); color: inherit; margin: .3em 0; padding: .4em .6em;
        white-space: pre-wrap }
  ul { margin: .3em 0; padding-left: 1.3em }
  .remedies li, .conflict li, .notes li { margin: .35em 0; max-width: 46em }
  .conflict, .remedies { list-style: none; padding-left: 1em; margin: .6em 0 1.2em;
                         border-left: 3px solid var(--bad) }
  .remedies { border-color: var(--good) }
  .conflict b { color: var(--bad) } .notes b { color: var(--open) }
  .wide { overflow-x: auto }
  table { border-collapse: collapse; font-size: 13px; margin: .4em 0; border: 0; color: inherit }
  th, td { border: 0; border-bottom: 1px solid var(--line); padding: .3em 1em .3em 0;
           text-align: left; vertical-align: baseline; background: none; max-width: 34em;
           white-space: nowrap }
  td.slots, th.slots { white-space: normal; min-width: 7em }
  td code { font-size: 11.5px }
  tr > :last-child { padding-right: .2em }
  tr { background: none }
  th { color: var(--soft); font-weight: 500 }
  th.number, td.number { text-align: right; font-variant-numeric: tabular-nums;
                         padding-right: 1em }
  td b.plug { color: var(--good) } td b.unplug { color: var(--bad) }
  .cells { display: inline-flex; flex-wrap: wrap; gap: 0 .9em; white-space: nowrap }
  .chip { display: inline-block; margin-right: .45em; vertical-align: -1px; flex: none }
  .patterns { position: absolute; width: 0; height: 0 }
  .hatching { stroke: #111; stroke-width: 1.2; fill: none }
  .hatching circle { fill: #111; stroke: none }
  .legend { display: flex; flex-wrap: wrap; gap: .2em 1.3em; list-style: none; padding: 0;
            color: var(--soft); font-size: 12px; margin: .5em 0 1em }
  .legend li { display: flex; align-items: center }
  details { margin: .4em 0 } summary { color: var(--soft); cursor: pointer }
  .map { margin: 0 }
  .map .row { display: grid; grid-template-columns: 104px minmax(0, 1fr); margin: 4px 0;
              break-inside: avoid }
  .map .at { font: 11px/1.3 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
             padding-top: 3px }
  .map .at small { display: block; color: var(--soft); font-size: 11px }
  .map .left-out { color: var(--soft); font-size: 12px; margin: 2px 0 2px 104px; max-width: none }
  .bar { container: bar / inline-size; min-width: 0 }
  svg { display: block; overflow: hidden; max-width: none }
  .box { fill: var(--hue); stroke: var(--paper); stroke-width: 1 }
  .box.sliver { stroke: none }
  .box.reserved { fill: color-mix(in srgb, var(--hue) 30%, var(--paper)); stroke: var(--ink);
                  stroke-width: 1; stroke-dasharray: 3 2 }
  .box.plug { stroke: var(--ink); stroke-width: 3 }
  .box.unplug { fill: var(--paper); stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 5 2 }
  .box.virtio { fill: color-mix(in srgb, var(--hue) 15%, var(--paper)); stroke: var(--ink) }
  .given { fill: color-mix(in srgb, var(--hue) 40%, var(--paper)); stroke: none }
  .box.device { fill: var(--wash); stroke: var(--ink) }
  .box.window { fill: var(--wash); stroke: var(--line) }
  .box.hole { fill: var(--paper); stroke: var(--line); stroke-dasharray: 2 3 }
  .band { fill: var(--hue, var(--used)); stroke: none }
  svg text { fill: var(--on, var(--ink)); font-size: 11px; text-anchor: middle;
             font-variant-numeric: tabular-nums; pointer-events: none }
  svg text.reserved, svg text.bare { fill: var(--ink) }
  .pool { break-inside: avoid; margin: 0 0 1.4em; max-width: 480px }
  .pool h3 { margin: 0 0 .3em; font-weight: 400 }
  .pool b { font-weight: 600 }
  .pool .state { display: grid; grid-template-columns: 48px minmax(0, 1fr); align-items: center;
                 margin: 2px 0 }
  .pool .when { color: var(--soft); font-size: 12px }
  .pool dl { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: .2em .8em;
             margin: .3em 0 0; font-size: 12px }
  .pool dt { color: var(--soft); font-weight: 400 } .pool dd { margin: 0 }
  .pool dd small { display: block; color: var(--soft); font-size: 11px }
  .share { fill: var(--hue); stroke: var(--paper); stroke-width: 1 }
  .share.used { fill: var(--used) }
  .share.promised { fill: color-mix(in srgb, var(--hue) 75%, var(--paper)) }
  .share.returned { fill: color-mix(in srgb, var(--hue) 75%, var(--paper)) }
  .share.free { fill: var(--paper); stroke: var(--used) }
  .sides { display: grid; gap: 0 3em; grid-template-columns: minmax(0, 1fr) }
  .guest + .guest { margin-top: 3em; border-top: 1px solid var(--line) }
}
@container page (min-width: 1000px) {
  .slotsolver .sides { grid-template-columns: minmax(0, 1fr) 380px }
  .slotsolver aside td, .slotsolver aside th { padding-right: .8em }
}
@container page (max-width: 520px) {
  .slotsolver .map .row { grid-template-columns: minmax(0, 1fr) }
  .slotsolver .map .at small { display: inline; margin-left: 1em }
  .slotsolver .map .left-out { margin-left: 0 }
}
@media print {
  .slotsolver, [data-jp-theme-light] .slotsolver { color-scheme: light; font-size: 12px }
  .slotsolver .wide { overflow: visible }
  .slotsolver table { font-size: 11px } .slotsolver td code { font-size: 10px }
  .slotsolver th, .slotsolver td { padding-right: .8em }
  .slotsolver td.slots, .slotsolver th.slots { min-width: 5em }
  .slotsolver h2, .slotsolver h3, .slotsolver summary { break-after: avoid }
  .slotsolver tr { break-inside: avoid }
  .slotsolver details::details-content { display: block; content-visibility: visible }
}
"""
    + f".slotsolver{{{_HUES}}}{_ROOM}\n"
)
"""Of fragments and pages alike."""

PAGE_STYLE = """
:root { color-scheme: light dark; background: light-dark(#ffffff, #15181d) }
body { margin: 0 }
main.slotsolver { max-width: 1320px; margin: 0 auto; padding: 1.2em clamp(14px, 4vw, 48px) 3em;
                  box-sizing: border-box }
@page { size: A4; margin: 12mm }
@media print {
  :root { color-scheme: light }
  main.slotsolver { padding: 0 }
}
"""
"""Of a page that stands alone."""
