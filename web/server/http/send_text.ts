/**
 * Answers a request with a sentence.
 *
 * @module
 */
import type { ServerResponse } from "node:http";

/** Sends a status and a sentence without its full stop. */
export function sendText(response: ServerResponse, status: number, sentence: string): void {
  response.statusCode = status;
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.setHeader("cache-control", "no-store");
  response.end(`${sentence}.\n`);
}
