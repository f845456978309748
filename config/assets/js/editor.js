// CodeMirror over a textarea. The textarea stays the form's field: it always holds the same text.
//   <textarea id="id_html" data-editor="html" data-warned="17,20" data-fields='[["contact.first_name", "First name"]]'>
// Events on the textarea: "input" after a change. API: shirase.editor("#id_html") → { insert, goTo, warn, fields, focus }.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab, redo, undo } from "@codemirror/commands";
import { html } from "@codemirror/lang-html";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { highlightSelectionMatches, openSearchPanel, search, searchKeymap } from "@codemirror/search";
import { EditorState, RangeSet, StateEffect, StateField } from "@codemirror/state";
import {
  Decoration,
  EditorView,
  GutterMarker,
  gutter,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
  MatchDecorator,
  ViewPlugin,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";

const nonce = document.querySelector('meta[name="csp-nonce"]')?.content ?? "";

const colours = HighlightStyle.define([
  { tag: [tags.tagName, tags.angleBracket], color: "var(--link)" },
  { tag: tags.attributeName, color: "var(--run)" },
  { tag: [tags.attributeValue, tags.string], color: "var(--done)" },
  { tag: [tags.comment, tags.docComment], color: "var(--ink-3)" },
  { tag: [tags.keyword, tags.propertyName, tags.documentMeta], color: "var(--ink-2)" },
  { tag: [tags.number, tags.unit, tags.color], color: "var(--done)" },
]);

// {{ … }}, {% … %} and {# … #} stand out wherever they are, also inside attributes.
const mergeFields = new MatchDecorator({
  regexp: /\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}/g,
  decoration: Decoration.mark({ class: "cm-merge" }),
});
const highlightMerge = ViewPlugin.fromClass(
  class {
    constructor(view) {
      this.decorations = mergeFields.createDeco(view);
    }
    update(update) {
      this.decorations = mergeFields.updateDeco(update, this.decorations);
    }
  },
  { decorations: (plugin) => plugin.decorations },
);

const setWarned = StateEffect.define();
class Warning extends GutterMarker {
  toDOM() {
    const mark = document.createElement("span");
    mark.className = "cm-warn-mark";
    mark.textContent = "▲";
    return mark;
  }
}
const warned = StateField.define({
  create: () => ({ lines: Decoration.none, marks: RangeSet.empty }),
  update(value, transaction) {
    const { changes } = transaction;
    let { lines, marks } = { lines: value.lines.map(changes), marks: value.marks.map(changes) };
    for (const effect of transaction.effects) {
      if (!effect.is(setWarned)) continue;
      const { doc } = transaction.state;
      const starts = [...new Set(effect.value)].filter((n) => n > 0 && n <= doc.lines).sort((a, b) => a - b).map((n) => doc.line(n).from);
      lines = Decoration.set(starts.map((from) => Decoration.line({ class: "cm-warned" }).range(from)));
      marks = RangeSet.of(starts.map((from) => new Warning().range(from)));
    }
    return { lines, marks };
  },
  provide: (field) => [
    EditorView.decorations.from(field, (value) => value.lines),
    gutter({ class: "cm-warn-gutter", markers: (view) => view.state.field(field).marks }),
  ],
});

const numbers = (text) => (text ?? "").split(",").map(Number).filter(Boolean);

function completeFields(fields) {
  const options = fields.map(([label, detail]) => ({ label, detail, type: "variable" }));
  return (context) => {
    const before = context.matchBefore(/\{[{%][^}]*$/);
    const word = before && context.matchBefore(/[\w.]*$/);
    return word ? { from: word.from, options, validFor: /^[\w.]*$/ } : null;
  };
}

// A campaign that can no longer be written is still read: the controls are off, its text can be scrolled.
function openForReading(set) {
  set.querySelectorAll("input, button, select, textarea").forEach((control) => (control.disabled = true));
  set.disabled = false;
}

function mount(area) {
  const readOnly = area.matches(":disabled");
  if (readOnly) openForReading(area.closest("fieldset"));
  const fields = JSON.parse(area.dataset.fields || "[]");
  const label = area.getAttribute("aria-label") ?? document.querySelector(`label[for="${area.id}"]`)?.textContent ?? "";
  const state = EditorState.create({
    doc: area.value,
    extensions: [
      EditorView.cspNonce.of(nonce),
      EditorState.readOnly.of(readOnly),
      EditorView.editable.of(!readOnly),
      lineNumbers(),
      warned,
      history(),
      indentOnInput(),
      bracketMatching(),
      closeBrackets(),
      highlightActiveLine(),
      highlightActiveLineGutter(),
      highlightSelectionMatches(),
      search({ top: true }),
      syntaxHighlighting(colours),
      highlightMerge,
      EditorView.lineWrapping,
      ...(area.dataset.editor === "html" ? [html({ autoCloseTags: true })] : []),
      autocompletion({ override: [completeFields(fields)] }),
      // Esc, then Tab leaves the editor: nobody is caught in it.
      keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...completionKeymap, indentWithTab]),
      EditorView.contentAttributes.of({ tabindex: "0", "aria-label": label.trim(), spellcheck: "true", lang: area.lang || "" }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) {
          area.value = update.state.doc.toString();
          area.dispatchEvent(new Event("input", { bubbles: true }));
        }
        if (update.selectionSet || update.docChanged) tellPlace(area, update.state);
      }),
    ],
  });
  const view = new EditorView({ state, parent: area.parentElement });
  area.before(view.dom);
  area.hidden = true;
  const api = {
    view,
    insert: (text) => {
      view.dispatch(view.state.replaceSelection(text));
      view.focus();
    },
    replace: (text) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }),
    goTo: (line) => {
      const { from } = view.state.doc.line(Math.min(Math.max(1, line), view.state.doc.lines));
      view.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
      view.focus();
    },
    warn: (lines) => view.dispatch({ effects: setWarned.of(lines) }),
    find: () => openSearchPanel(view),
    undo: () => undo(view),
    redo: () => redo(view),
    focus: () => view.focus(),
  };
  api.warn(numbers(area.dataset.warned));
  tellPlace(area, view.state);
  editors.set(area, api);
}

function tellPlace(area, state) {
  const output = document.querySelector(`[data-place-of="#${area.id}"]`);
  if (!output) return;
  const { head } = state.selection.main;
  const line = state.doc.lineAt(head);
  output.textContent = (output.dataset.words ?? "{line}:{column}").replace("{line}", line.number).replace("{column}", head - line.from + 1);
}

const editors = new Map();
window.shirase = Object.assign(window.shirase ?? {}, { editor: (selector) => editors.get(document.querySelector(selector)) });

// <button data-editor-insert="{{ contact.first_name }}" data-for="#id_html">, and data-editor-line="17".
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-editor-insert], [data-editor-line], [data-editor-do]");
  const api = button && editors.get(document.querySelector(button.dataset.for ?? "textarea[data-editor]"));
  if (!api) return;
  event.preventDefault();
  if (button.dataset.editorInsert) api.insert(button.dataset.editorInsert);
  if (button.dataset.editorLine) api.goTo(Number(button.dataset.editorLine));
  if (button.dataset.editorDo) api[button.dataset.editorDo]?.();
  button.closest("details.menu")?.removeAttribute("open");
});
document.addEventListener("htmx:afterSettle", () => {
  const list = document.querySelector("[data-warned-lines]");
  if (list) editors.get(document.querySelector(list.dataset.for ?? "textarea[data-editor]"))?.warn(numbers(list.dataset.warnedLines));
});

const start = () => document.querySelectorAll("textarea[data-editor]").forEach((area) => editors.has(area) || mount(area));
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();

import "./writing.js";
