/**
 * A circle with the first letter of a name, in a colour that follows from the name.
 *
 * @module
 */
import { html } from "../../common/view.ts";

/** Shows a name as a circle. The name itself is beside it. */
export function Avatar({ name, isOnline }: { name: string; isOnline?: boolean }): unknown {
  const [letter = "?"] = name;
  return html`
    <span
      class="avatar"
      style=${{ "--hue": hueOf(name) }}
      data-online=${isOnline}
      aria-hidden="true"
    >${letter.toLocaleUpperCase()}</span>
  `;
}

function hueOf(name: string): number {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)!) % 360;
  return hash;
}
