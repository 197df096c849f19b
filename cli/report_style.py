"""The look of the report page: light and dark, from a phone to paper."""

STYLE = """
:root { color-scheme: light dark; --paper: #f1f4f1; --surface: #fff; --rule: #d3dbd4; --ink: #13201c; --ink-2: #42504b;
  --like: #0a6a54; --like-soft: #d9eee6; --pass: #495463; --unsure: #7d4e00; --unsure-soft: #faedcf; --mark: #e4552b; }
@media (prefers-color-scheme: dark) { :root { --paper: #0d1311; --surface: #161e1b; --rule: #2c3833; --ink: #ecf2ef;
  --ink-2: #b9c5bf; --like: #6bd4b2; --like-soft: #15382f; --pass: #b6c1cf; --unsure: #f0c06a; --unsure-soft: #382b12;
  --mark: #ff7f52; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: break-word;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 8px; } h2 { font-size: 20px; margin: 0 0 12px; }
h3 { font-size: 15px; margin: 0 0 8px; } p { margin: 0 0 12px; max-width: 75ch; color: var(--ink-2); }
section { background: var(--surface); border-radius: 16px; padding: 16px; margin-top: 16px; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: 6px 16px 6px 0; border-bottom: 1px solid var(--rule);
  font-weight: 400; }
thead th { color: var(--ink-2); font-size: 13px; } td { overflow-wrap: anywhere; min-width: 6ch; }
.plots { display: grid; gap: 24px; grid-template-columns: repeat(auto-fit, minmax(min(300px, 100%), 1fr)); }
figure { margin: 0; } figcaption { color: var(--ink-2); font-size: 13px; margin-top: 4px; }
svg { display: block; width: 100%; max-width: 420px; height: auto; } svg.range { width: 200px; }
svg text { fill: var(--ink-2); font-size: 12px; }
.rule { stroke: var(--rule); } .chance { stroke: var(--ink-2); stroke-dasharray: 4 4; }
.line { fill: none; stroke: var(--like); stroke-width: 2; } .band { fill: var(--like-soft); }
.dot, rect.like { fill: var(--like); } rect.pass { fill: var(--pass); }
.whisker { stroke: var(--like); stroke-width: 2; } .before { fill: none; stroke: var(--pass); stroke-width: 1.5; }
.mark { stroke: var(--mark); stroke-width: 2; }
.blank { border: 1px dashed var(--rule); border-radius: 10px; padding: 16px; }
.warn { background: var(--unsure-soft); color: var(--unsure); border-radius: 10px; padding: 12px; }
@media (max-width: 640px) {
  .rates, .rates tbody, .rates tr, .rates th, .rates td { display: block; border: 0; padding: 0; }
  .rates tr { border-bottom: 1px solid var(--rule); padding: 8px 0; } .rates th { font-weight: 600; } }
@media print { body { background: none; } section { break-inside: avoid; padding: 0; } }
"""
