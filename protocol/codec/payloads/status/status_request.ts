/**
 * Payloads of 10/0, 10/2, 10/4 and 10/6: requests for the status, the events and the users of a server, and why one
 * could not be answered. Also what all payloads of type 10 begin with. Converts bytes to values and back.
 *
 * @module
 */
import { ByteReader } from "../../byte_reader.ts";
import { NetlabError } from "../../errors.ts";
import { type Frame, FrameType, StatusKind } from "../../frame.ts";
import type { FrameWriter } from "../../frame_writer.ts";

/** What every request begins with. */
export interface StatusRequest {
  /** The number that the asking party has chosen: 0 to 2^32 - 1. The answer repeats it. */
  number: number;
  /** The id of the server that is to answer: a UUID. The nil UUID stands for the server that gets the request. */
  target: string;
}

/** A request for events. */
export interface EventsRequest extends StatusRequest {
  /** The sequence number of the first event that is wanted: 0 to 2^53 - 1. */
  since: number;
  /** The most events that are wanted: 1 to 65,535. */
  max: number;
}

/** Whose users are wanted. */
export const UserScope = {
  /** Those of the server itself. */
  Own: 0,
  /** Those of all servers, as this server knows them. */
  All: 1,
} as const;

/** One of the numbers in {@linkcode UserScope}. */
export type UserScope = typeof UserScope[keyof typeof UserScope];

/** A request for users. */
export interface UsersRequest extends StatusRequest {
  /** One of {@linkcode UserScope}. */
  scope: number;
  /** The name at the end of the page before the one that is wanted; empty for the first page. */
  after: string;
}

/** Writes a request for the status of a server. */
export function writeStatusRequest(out: FrameWriter, request: StatusRequest, hops = 0): void {
  begin(out, StatusKind.StatusRequest, request, hops);
  out.end();
}

/** Writes a request for the events of a server. */
export function writeEventsRequest(out: FrameWriter, request: EventsRequest, hops = 0): void {
  begin(out, StatusKind.EventsRequest, request, hops);
  out.u64(request.since);
  out.u16(request.max);
  out.end();
}

/** Writes a request for the users of a server, or for those that it knows. */
export function writeUsersRequest(out: FrameWriter, request: UsersRequest, hops = 0): void {
  begin(out, StatusKind.UsersRequest, request, hops);
  out.u8(request.scope);
  out.shortText(request.after);
  out.end();
}

/**
 * Reads what every request begins with. Ignores what follows.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload is too short.
 */
export function readStatusRequest(payload: Uint8Array): StatusRequest {
  const reader = new ByteReader(payload, "status request");
  return { number: reader.u32(), target: reader.uuid() };
}

/**
 * Reads a request for events. Ignores fields that newer versions append.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload is not one.
 */
export function readEventsRequest(payload: Uint8Array): EventsRequest {
  const reader = new ByteReader(payload, "request for events");
  return {
    number: reader.u32(),
    target: reader.uuid(),
    since: reader.u64(),
    max: reader.u16(),
  };
}

/**
 * Reads a request for users. Ignores fields that newer versions append.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload is not one.
 */
export function readUsersRequest(payload: Uint8Array): UsersRequest {
  const reader = new ByteReader(payload, "request for users");
  return {
    number: reader.u32(),
    target: reader.uuid(),
    scope: reader.u8(),
    after: reader.shortText(),
  };
}

/** Why a request could not be answered. */
export interface StatusFailure {
  /** The number of the request. */
  number: number;
  /** The code and the sentence. */
  error: NetlabError;
}

/** Writes why a request could not be answered. */
export function writeStatusFailure(
  out: FrameWriter,
  { number, error }: StatusFailure,
  hops = 0,
): void {
  out.begin(FrameType.Status, StatusKind.Failure, hops);
  out.u32(number);
  out.u16(error.code);
  out.text(error.message);
  out.end();
}

/**
 * Reads why a request could not be answered.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload does not say so.
 */
export function readStatusFailure(payload: Uint8Array): StatusFailure {
  const reader = new ByteReader(payload, "failure of a request");
  const number = reader.u32();
  return { number, error: new NetlabError(reader.u16(), reader.rest()) };
}

/**
 * Reads the number of the request that a frame of type 10 belongs to.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload is too short.
 */
export function readRequestNumber(payload: Uint8Array): number {
  return new ByteReader(payload, "number of a request").u32();
}

/**
 * Writes a frame of type 10 with another number: each server on the way of a request and its answer has numbers of
 * its own.
 *
 * @param frame A frame that has a number.
 * @param hops The links that the frame has crossed, including the one it is written to: 0 to 65,535.
 */
export function writeRenumbered(
  out: FrameWriter,
  frame: Pick<Frame, "subtype" | "bytes" | "start" | "end">,
  number: number,
  hops: number,
): void {
  out.begin(FrameType.Status, frame.subtype, hops);
  out.u32(number);
  out.bytes(frame.bytes, frame.start + 4, frame.end);
  out.end();
}

function begin(out: FrameWriter, kind: number, request: StatusRequest, hops: number): void {
  out.begin(FrameType.Status, kind, hops);
  out.u32(request.number);
  out.uuid(request.target);
}
