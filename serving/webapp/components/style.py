"""How the cards look. Colours are mixed from the theme's text colour, so that both themes work."""

STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding-top: 4rem; }
.dd-head { display: flex; align-items: center; gap: 1.1rem; margin-bottom: .25rem; }
.dd-head img { flex: none; }
.dd-head h1 { font-size: 2.3rem; line-height: 1.15; margin: 0; padding: 0; }
.dd-head p { margin: .35rem 0 0; opacity: .8; }
.dd-card { border: 1px solid color-mix(in srgb, currentColor 16%, transparent);
  border-radius: 1rem; padding: 1.15rem 1.3rem; overflow-wrap: anywhere; }
.dd-card p { margin: 0; }
.dd-small { font-size: .85rem; opacity: .8; }
.dd-caption { margin: 0; }
.dd-under { margin: -.9rem 0 0; }
.dd-label { font-size: 2.5rem; font-weight: 700; line-height: 1.15; }
.dd-likeliest { font-size: 1.3rem; }
.dd-percent { font-size: 1.3rem; font-weight: 600; margin-bottom: 1.1rem !important; }
.dd-bars { list-style: none; margin: 0 0 1.1rem !important; padding: 0 !important; }
.dd-bars li { margin: 0 0 .7rem !important; padding: 0 !important; }
.dd-row { display: flex; justify-content: space-between; gap: 1rem; margin-bottom: .25rem; }
.dd-track { height: .7rem; border-radius: .35rem; overflow: hidden;
  background: color-mix(in srgb, currentColor 13%, transparent); }
.dd-fill { height: 100%; border-radius: .35rem; min-width: 3px;
  background: color-mix(in srgb, currentColor 42%, transparent); }
.dd-first .dd-row { font-weight: 700; }
.dd-first .dd-fill { background: linear-gradient(90deg, #f2a900, #fdd835); }
.dd-facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr));
  gap: 1rem 1.4rem; }
.dd-facts, .dd-facts dt, .dd-facts dd { margin: 0 !important; }
.dd-facts dt { font-weight: 600; }
.dd-facts dt + dd { font-size: 1.6rem; font-weight: 700; line-height: 1.3; }
.dd-notice { border-left: .45rem solid #f2a900;
  background: color-mix(in srgb, #f2a900 13%, transparent); }
.dd-error { border-left-color: #cf3f36;
  background: color-mix(in srgb, #cf3f36 11%, transparent); }
.dd-notice b { display: block; font-size: 1.1rem; margin-bottom: .2rem; }
.dd-notice code { display: block; margin-top: .6rem; padding: .5rem .75rem; border-radius: .5rem;
  font-size: .9rem; color: inherit; white-space: pre-wrap;
  background: color-mix(in srgb, currentColor 9%, transparent); }
.dd-table { width: 100%; border-collapse: collapse; font-size: .95rem; }
.dd-table th, .dd-table td { text-align: right; padding: .35rem .5rem;
  border-bottom: 1px solid color-mix(in srgb, currentColor 14%, transparent); }
.dd-table th:first-child { text-align: left; }
.dd-scroll { overflow-x: auto; }
.dd-right { background: color-mix(in srgb, #3c9a40 calc(var(--share) * 45%), transparent); }
.dd-wrong { background: color-mix(in srgb, #cf3f36 calc(var(--share) * 45%), transparent); }
.dd-unsure { opacity: .8; }
.dd-doubt { margin-bottom: 1rem !important; }
.dd-table th .dd-small { display: block; font-weight: 400; }
.dd-text th, .dd-text td { text-align: left; }
.dd-list { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.2rem;
  font-size: .9rem; margin: 1rem .5rem 0 !important; padding: 0 !important;
  overflow-wrap: anywhere; }
.dd-list dt { opacity: .8; font-weight: 400; } .dd-list dd { margin: 0 !important; }
</style>"""
