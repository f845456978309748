// One call writes everything the pages load into VAR_DIR/static. Names carry a hash of their content, so that they
// may be cached for ever; assets.json maps the plain name to the hashed one (the {% asset %} tag reads it).
import { build } from "esbuild";
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { trimTabler } from "./tabler.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, "../..");
const out = path.join(process.env.VAR_DIR || path.join(root, "var"), "static");
const fresh = `${out}.new`;

async function icons() {
  const names = (await readFile(path.join(here, "icons.txt"), "utf8")).split("\n").map((line) => line.split("#")[0].trim());
  const wanted = names.filter(Boolean);
  const pairs = wanted.map(async (name) => {
    const svg = await readFile(path.join(root, "node_modules/@tabler/icons/icons/outline", `${name}.svg`), "utf8");
    const inner = svg.replace(/<!--[\s\S]*?-->/g, "").replace(/^[\s\S]*?<svg[^>]*>|<\/svg>[\s\S]*$/g, "");
    return [name, inner.replace(/\s+/g, " ").replace(/> </g, "><").trim()];
  });
  return Object.fromEntries(await Promise.all(pairs));
}

const trimmedTabler = {
  name: "trimmed-tabler",
  setup(build) {
    build.onLoad({ filter: /tabler\.min\.css$/ }, async ({ path: file }) => ({
      contents: trimTabler(await readFile(file, "utf8")),
      loader: "css",
    }));
  },
};

// "System" as the theme: the dark block again, under the media query.
const autoTheme = {
  name: "auto-theme",
  setup(build) {
    build.onLoad({ filter: /tokens\.css$/ }, async ({ path: file }) => {
      const css = await readFile(file, "utf8");
      const dark = css.match(/\[data-bs-theme="dark"\] (\{[^}]*\})/)[1];
      return { contents: `${css}\n@media (prefers-color-scheme: dark){[data-bs-theme="auto"]${dark}}`, loader: "css" };
    });
  },
};

function plainNames(metafile) {
  const entries = Object.entries(metafile.outputs).filter(([, output]) => output.entryPoint);
  return Object.fromEntries(
    entries.map(([file, output]) => [
      path.basename(output.entryPoint).replace(/\.\w+$/, path.extname(file)),
      path.relative(fresh, path.resolve(root, file)),
    ]),
  );
}

await rm(fresh, { recursive: true, force: true });
await mkdir(fresh, { recursive: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ["css/app.css", "css/editor.css", "js/app.js", "js/editor.js", "js/charts.js"].map((f) => path.join(here, f)),
  outdir: fresh,
  entryNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  metafile: true,
  format: "iife",
  target: ["chrome120", "firefox121", "safari17.2"],
  loader: { ".woff2": "file", ".svg": "file" },
  legalComments: "linked",
  plugins: [trimmedTabler, autoTheme],
  logLevel: "warning",
});
const logo = await readFile(path.join(here, "logo.svg"));
await writeFile(path.join(fresh, "logo.svg"), logo);
await writeFile(path.join(fresh, "icons.json"), JSON.stringify(await icons()));
await writeFile(path.join(fresh, "assets.json"), JSON.stringify({ ...plainNames(metafile), "logo.svg": "logo.svg" }, null, 1));
// A web process that runs meanwhile still serves pages that name the old files: those stay for a day.
const made = new Set(await readdir(fresh));
await mkdir(out, { recursive: true });
for (const name of [...made].sort((a, b) => (a === "assets.json") - (b === "assets.json"))) {
  await rename(path.join(fresh, name), path.join(out, name));
}
await rm(fresh, { recursive: true });
for (const name of await readdir(out)) {
  const old = Date.now() - (await stat(path.join(out, name))).mtimeMs > 86_400_000;
  if (old && !made.has(name.replace(/\.gz$/, ""))) await rm(path.join(out, name));
}
console.log(`front end: ${made.size} files in ${path.relative(process.cwd(), out) || out}`);
