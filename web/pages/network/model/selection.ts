/**
 * Which servers are selected: none, one, or the two ends of a route. Does not know what is shown of them.
 *
 * @module
 */

/** The selected servers. */
export class Selection {
  /** The first server: its id. */
  from: string | undefined;
  /** The second one. */
  to: string | undefined;

  /** Selects a server, or ends its selection. With two selected, the second one changes. */
  choose(id: string): void {
    if (id === this.from) {
      this.from = this.to;
      this.to = undefined;
    } else if (id === this.to) this.to = undefined;
    else if (this.from === undefined) this.from = id;
    else this.to = id;
  }

  /** Exchanges both ends of the route. */
  swap(): void {
    if (this.to !== undefined) [this.from, this.to] = [this.to, this.from];
  }

  /** Selects nothing. */
  clear(): void {
    this.from = this.to = undefined;
  }

  /** Returns whether a server is selected. */
  has(id: string): boolean {
    return id === this.from || id === this.to;
  }
}
