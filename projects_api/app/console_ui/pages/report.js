// A report: waited for, read here, taken away.

import { file } from "../api.js";
import { isOver, useAnswer } from "../data.js";
import { Asked, Crumbs, Download, Facts, Problem, Status, Time, Title } from "../parts.js";
import { html, useEffect, useRef, useState } from "../view.js";

/** @param {{id: string}} props */
export function ReportPage({ id }) {
  const path = { report_id: id };
  const found = useAnswer("get_report", { path }, { every: 1000, until: ({ report }) => isOver(report.status) });
  return html`
    <${Asked} of=${found}>
      ${(/** @type {import("../api.js").Answer<"get_report">} */ { report }) => html`
        <${Crumbs} links=${[["/projects", "Projects"], [`/projects/${report.project_id}`, "Project"],
          [`/projects/${report.project_id}/reports`, "Reports"]]} />
        <${Title} name=${report.name} />
        <section aria-label="The report">
          <p role="status"><${Status} status=${report.status} /> ${report.message}</p>
          <${Facts} of=${[["About a", report.kind], ["Created", html`<${Time} at=${report.created_at} />`]]} />
          ${report.status === "succeeded" && html`<p class="row">
            <${Download} operation="download_report" request=${{ path, query: { format: "html" } }}>Download as HTML<//>
            <${Download} operation="download_report" request=${{ path, query: { format: "pdf" } }}>Download as PDF<//>
          </p>`}
        </section>
        ${report.status === "succeeded" && html`<${Reading} path=${path} name=${report.name} />`}
      `}
    <//>
  `;
}

/**
 * The document stands in a shadow tree, so that its style and this page's leave each other alone.
 * It comes from this server, and scripts in it would not run: what is parsed never does.
 * @param {{path: {report_id: string}, name: string}} props
 */
function Reading({ path, name }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const [problem, tell] = useState(/** @type {any} */ (null));
  useEffect(() => {
    let left = false;
    const read = async () => {
      const { blob } = await file("download_report", { path, query: { format: "html" } });
      const { css, body } = taken(await blob.text());
      if (left || !place.current) return;
      const root = place.current.shadowRoot || place.current.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      root.adoptedStyleSheets = [sheet];
      root.replaceChildren(...body.childNodes);
    };
    read().catch(tell);
    return () => {
      left = true;
    };
  }, [path.report_id]);
  return html`
    <${Problem} problem=${problem} />
    <div class="report" ref=${place} role="region" aria-label=${`Report ${name}`} tabindex="0"></div>
  `;
}

/**
 * Take a document's content and its style apart. The policy of this page refuses style that is
 * parsed, and lets it be set from here; what it says of the whole page is said of its place.
 * @param {string} text
 */
function taken(text) {
  let css = "";
  const bare = text
    .replace(/<style[^>]*>([^]*?)<\/style>/g, (_, found) => {
      css += `${found.replace(/(^|[\s,{}])(:root|html|body)(?=[\s,{])/g, "$1:host")}\n`;
      return "";
    })
    .replaceAll(' style="', ' data-style="')
    .replaceAll(/<(\/?)main\b/g, "<$1div");
  const { body } = new DOMParser().parseFromString(bare, "text/html");
  for (const one of body.querySelectorAll("script, link")) one.remove();
  for (const one of body.querySelectorAll("[data-style]")) {
    /** @type {HTMLElement} */ (one).style.cssText = one.getAttribute("data-style") || "";
  }
  return { css, body };
}
