/**
 * The rules for names that a user may register.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as p from "@netlab/protocol";
import fc from "fast-check";
import { pureTest } from "../kinds.ts";

pureTest("userNameFault accepts names of people and programs in many languages", () => {
  for (
    const name of [
      ..."a Alice Zoë Bob2 o'neil@example.org:5001 <script> back-up_1.2 a: :a 李雷 山田太郎 ジョン・スミス"
        .split(" "),
      ..."한국 Иван Вера Ελένη שלום ב״ה محمد محمّد नमस्ते ไทย ქართული Հայկ Əli Đặng Marcel·lí Straße"
        .split(" "),
      ..."မြန်မာ ខ្មែរ བོད་སྐད தமிழ்".split(" "),
      "Mary Ann Smith",
      "Zoë 李雷",
      "שלום 12",
      "x".repeat(255),
    ]
  ) {
    assertStrictEquals(p.userNameFault(name), undefined, name);
    assertStrictEquals(p.checkUserName(name), name);
    assertStrictEquals(p.normalizeName(name), name);
  }
});

pureTest("userNameFault refuses names that could be taken for another one, and says why", () => {
  const refused: Record<string, readonly string[]> = {
    "it is empty": [""],
    "it begins or ends with a space": [" a", "a ", "a\u00a0", "\ufeffa"],
    "it contains a control character": ["a\0b", "a\nb", "a\u009bb", "a\u2028b"],
    "it contains a colon followed by a space": ["Alice: hello", "a: b: c"],
    "messages from servers begin with it": ["netlab", "NetLab"],
    "it contains two spaces in a row": ["Mary  Ann", "李  雷"],
    "it contains an invisible character": [
      "a\u200bb",
      "a\u200cb",
      "a\u200db",
      "\u2060a",
      "a\u202eb",
      "a\u2066b",
      "a\u00adb",
      "\u115fa",
      "\u3164",
      "a\ufe0f",
      "a\u{e0041}b",
      "a\u180eb",
      "a\u061cb",
    ],
    "it is not in the normal form NFC": [
      "e\u0301",
      "Ｂｏｂ",
      "ｱ",
      "a\u0301\u0301",
      "\u212b",
      "a\u3000b",
    ],
    "not a letter": [
      "🦊",
      "a·b",
      "→",
      "½",
      "Ⅳ",
      "\u0378x",
      "a\u00a0b",
      "“a”",

      "॰a",
      "ـa",
      "\ue000",
      "ᄀ",
    ],
    "a variant of a common letter": [
      "ﬁn",
      "µ",
      "ª",
      "ſ",
      "𝐀lice",
      "ɑlice",
      "ɡo",
      "ʼa",
      "ﻣ",
      "a\u02d0",
      "ǃ",
      "ⱥ",
    ],
    "a combining mark that is hard to see": [
      "\u0301a",
      "1\u0301",
      "i\u0307",
      "j\u0307",
      "a\u0336",
    ],
    "it contains a variant": ["Boƅ", "Roƿ", "ƽƨ", "ɑ", "ʀ"],
    "it mixes scripts": ["Bоb", "Воb", "Alicе", "Iλ", "אa", "B٥b", "кk", "a\u0967", "ᎪᏞ", "Αlice"],
    "it mixes kinds of digits": ["محمد1١", "१2", "۱١"],
    "from right to left": ["5שלום", "שלום!", "!שלום"],
  };
  for (const [reason, names] of Object.entries(refused)) {
    for (const name of names) {
      const found = p.userNameFault(name) ?? "accepted";
      const shown = `${JSON.stringify(name)}: ${found}`;
      assert(found.includes(reason), shown);
      const error = assertThrows(() => p.checkUserName(name), p.NetlabError, found);
      assertStrictEquals(error.code, p.ErrorCode.NameInvalid);
    }
  }
});

pureTest("nameSkeleton is equal for names that look the same in different scripts", () => {
  const pairs = [["ВОВ", "BOB"], ["Вера", "Bepa"], ["σοσ", "ooo"], ["Ѵоѵ", "Vov"], ["Ьг", "br"]];
  for (const [name, latin] of [...pairs, ["ЗХ", "3X"], ["ϳ", "j"], ["ռօք", "nof"]]) {
    assertStrictEquals(p.nameSkeleton(name!), latin);
    assertStrictEquals(p.nameSkeleton(latin!), latin);
  }
  assertStrictEquals(p.nameSkeleton("Жанна"), "Жaннa");
});

pureTest(
  "normalizeName makes one name of those that look the same and are typed differently",
  () => {
    for (
      const [typed, name] of [
        ["Zoe\u0308", "Zoë"],
        ["Ｂｏｂ　Ｌｅｅ", "Bob Lee"],
        ["ｱﾞ", "ア\u3099".normalize("NFC")],
        ["\u212bsa", "Åsa"],
        ["각", "각"],
      ] as const
    ) {
      assertStrictEquals(p.normalizeName(typed), name);
      assertStrictEquals(p.normalizeName(name), name);
    }
    assertEquals(["a", "e\u0301", "a", "é"].map(p.normalizeName), ["a", "é", "a", "é"]);
  },
);

pureTest(
  "every name that may be registered can be sent, is normal, and shows every character",
  () => {
    const unit = fc.constantFrom(
      ..."aZ0 :.é\u0301\u0307\u200b\u202eаѕΒ李ー・שم١۱०𝐀ﬁＢ🦊·l\ud83e\u00a0\u3164\u0489",
    );
    const text = fc.oneof(
      fc.string({ unit, minLength: 1, maxLength: 8 }),
      fc.string({ unit: "binary", maxLength: 8 }),
    );
    let accepted = 0;
    fc.assert(
      fc.property(text, (name) => {
        if (p.userNameFault(name) !== undefined) return;
        accepted++;
        assertStrictEquals(p.checkName(name), name);
        assertStrictEquals(p.normalizeName(name), name);
        assertStrictEquals(name.normalize("NFKC"), name);
        assert(!/\p{C}|\p{Default_Ignorable_Code_Point}|\p{Z}(?<! )|: | {2}/u.test(name), name);
        assert(!(/[a-z]/i.test(name) && /[\p{sc=Cyrillic}\p{sc=Greek}]/u.test(name)), name);
      }),
      { numRuns: 5_000 },
    );
    assert(accepted > 50, `${accepted}`);
  },
);
