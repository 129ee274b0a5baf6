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
      // The page's policy refuses styles in attributes, and allows them to be set from here.
      const text = (await blob.text()).replaceAll(' style="', ' data-style="');
      const page = new DOMParser().parseFromString(text, "text/html");
      if (left || !place.current) return;
      const root = place.current.shadowRoot || place.current.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      // What it says of the whole page is said of the shadow's host here.
      sheet.replaceSync(
        [...page.querySelectorAll("style")].map((style) => hosted(style.textContent || "")).join("\n"),
      );
      root.adoptedStyleSheets = [sheet];
      for (const one of page.querySelectorAll("[data-style]")) {
        /** @type {HTMLElement} */ (one).style.cssText = one.getAttribute("data-style") || "";
      }
      for (const one of page.querySelectorAll("style, script, link")) one.remove();
      root.replaceChildren(...page.body.childNodes);
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

/** @param {string} css */
const hosted = (css) => css.replace(/(^|[\s,{}])(:root|html|body)(?=[\s,{])/g, "$1:host");
