// htmx and the small behaviours of every page. Nothing here is needed for a page to work: each is a plain form without it.
import "./htmx.js";
import "./dialogs.js";
import "./copying.js";
import "./clocks.js";
import "./polling.js";
import "./keys.js";
import "./forms.js";
import "./shell.js";
