/**
 * Chooses one server, or all.
 *
 * @module
 */
/// <reference lib="dom" />
import { html } from "../../../common/view.ts";
import type { Network } from "../../model/network.ts";

/** What a {@linkcode ServerChoice} needs. */
export interface ServerChoiceProps {
  readonly network: Network;
  /** The id of the server; `undefined` for all. */
  readonly value: string | undefined;
  onChange(server: string | undefined): void;
}

/** Shows the choice. */
export function ServerChoice({ network, value, onChange }: ServerChoiceProps): unknown {
  const chosen = value !== undefined && network.servers.has(value) ? value : "";
  return html`
    <label class="choice">
      <span class="hidden">Server</span>
      <select value=${chosen} onChange=${({ currentTarget }: Event) => {
        const { value } = currentTarget as HTMLSelectElement;
        onChange(value === "" ? undefined : value);
      }}>
        <option value="">All servers</option>
        ${network.sorted.map(({ id }) =>
          html`<option key=${id} value=${id}>${network.nameOf(id)}</option>`
        )}
      </select>
    </label>
  `;
}
