/**
 * The users that a person can write to. Owns how a name is typed. Must not know the terminal or the
 * network.
 *
 * @module
 */

/**
 * A name as it is typed and shown before a message: in quotation marks if it has spaces, or could be
 * mistaken for a command or for a mark of the conversation.
 */
export function typedName(name: string): string {
  return /\s|^[/→(]/.test(name) ? `"${name}"` : name;
}
