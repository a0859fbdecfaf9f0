import { assertEquals } from "@std/assert";
import { finalReplyTo, REFUSAL, replyTo } from "../../basic/greeting.ts";
import { pureTest as test } from "../kinds.ts";

test("replyTo answers a greeting with its own end of line", () => {
  assertEquals(replyTo("hello\n"), "world\n");
  assertEquals(replyTo("hello\r\n"), "world\r\n");
});

test("replyTo waits while the greeting may still come, or its end of line", () => {
  for (const said of ["", "h", "hell", "hello", "hello\r"]) {
    assertEquals(replyTo(said), undefined, JSON.stringify(said));
  }
});

test("replyTo refuses as soon as it can be no greeting", () => {
  for (const said of ["x", "hex", "Hello", "hello ", "hello\rx", "hello!\n", "\n", "\nhello\n"]) {
    assertEquals(replyTo(said), REFUSAL, JSON.stringify(said));
  }
});

test("replyTo goes by the first line alone", () => {
  assertEquals(replyTo("hello\nhello\n"), "world\n");
  assertEquals(replyTo("hello\r\ngood bye"), "world\r\n");
});

test("finalReplyTo takes hello without an end of line, and nothing less", () => {
  assertEquals(finalReplyTo("hello"), "world");
  for (const said of ["", "hell", "hello\r"]) assertEquals(finalReplyTo(said), REFUSAL);
});
