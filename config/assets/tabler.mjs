// Tabler is 635 kB, and nearly all of it is parts we draw ourselves (LOOK.md). We keep its variables, its reset of
// the plain elements and its spacing and flex utilities; a rule stays when every class in its selector is listed here.
const KEPT = [
  /^(d|flex|justify-content|align-items|align-self|order|gap|row-gap|column-gap)-/,
  /^(m|p)[tbsexy]?-/,
  /^(w|h|mw|mh)-(25|50|75|100|auto)$/,
  /^text-(start|end|center|nowrap|wrap|break|truncate)$/,
  /^fw-/,
  /^(overflow|position)-/,
  /^visually-hidden(-focusable)?$/,
];

function kept(selector) {
  if (/\[(class|data-bs-(?!theme))/.test(selector)) return false;
  const classes = selector.match(/\.-?[a-zA-Z_][\w-]*/g) ?? [];
  return classes.every((name) => KEPT.some((rule) => rule.test(name.slice(1))));
}

// Splits a list of rules into [prelude, body] pairs; body is null for a statement such as @charset.
function* rules(css) {
  let start = 0;
  let depth = 0;
  let open = 0;
  let quote = "";
  for (let i = 0; i < css.length; i++) {
    const c = css[i];
    if (quote) {
      if (c === "\\") i++;
      else if (c === quote) quote = "";
    } else if (c === '"' || c === "'") quote = c;
    else if (c === "{" && depth++ === 0) open = i;
    else if (c === "}" && --depth === 0) {
      yield [css.slice(start, open).trim(), css.slice(open + 1, i)];
      start = i + 1;
    } else if (c === ";" && depth === 0) {
      yield [css.slice(start, i).trim(), null];
      start = i + 1;
    }
  }
}

// At the commas outside parentheses.
function splitSelectors(prelude) {
  const parts = [""];
  let depth = 0;
  for (const c of prelude) {
    depth += { "(": 1, ")": -1 }[c] ?? 0;
    if (c === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += c;
  }
  return parts;
}

export function trimTabler(css) {
  const text = css.replace(/\/\*[\s\S]*?\*\//g, "");
  let result = "";
  for (const [prelude, body] of rules(text)) {
    if (body === null || /^@(font-face|keyframes|-webkit-keyframes|page|property)/.test(prelude)) continue;
    if (prelude.startsWith("@")) {
      if (prelude.includes("print")) continue;
      const inner = trimTabler(body);
      if (inner) result += `${prelude}{${inner}}`;
      continue;
    }
    const selectors = splitSelectors(prelude).filter(kept);
    if (selectors.length) result += `${selectors.join(",")}{${body}}`;
  }
  return result;
}
