/**
 * The rules for names that a user may register: the profile UsernameCasePreserved of PRECIS (RFC 8265, with
 * the identifier class of RFC 8264), and stricter where people could be misled. Does not decide which names
 * may appear in frames: `text.ts` does.
 *
 * @module
 */
import { ErrorCode, NetlabError } from "../errors.ts";
import { quote } from "./quote.ts";
import { invalidNameReason } from "../text.ts";

/** Printable ASCII in words, with one space between two words. Most names need no other check. */
const ASCII_NAME = /^[!-~]+(?: [!-~]+)*$/;

/** Characters whose width differs from their usual form, and the ideographic space. */
const WIDE_OR_NARROW = /[\u3000\uff01-\uffdc\uffe0-\uffee]/g;

/** Characters that are not visible or that change the order of others: also joiners and fillers. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2028\u2029]/u;

/**
 * What the identifier class excludes: everything but letters, digits, marks, printable ASCII and a few
 * exceptions; and the exceptions in the other direction (RFC 8264, sections 8 and 9.6, 9.9).
 */
const NOT_IN_CLASS =
  /[^\p{Ll}\p{Lu}\p{Lo}\p{Lm}\p{Nd}\p{Mn}\p{Mc} -~\u06fd\u06fe\u0f0b\u3007\u00b7\u05f3\u05f4\u30fb]|[\u0640\u07fa\u302e\u302f\u3031-\u3035\u303b\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb]/u;

/** Punctuation that is allowed between or after certain letters only (RFC 5892, appendix A). */
const OUT_OF_CONTEXT =
  /(?<!l)\u00b7|\u00b7(?!l)|(?<!\p{sc=Hebrew})[\u05f3\u05f4]|^[^\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Han}]*\u30fb[^\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Han}]*$/u;

/**
 * Latin letters for phonetics and transcription, letters out of use, and modifier letters. Most look like common letters or like
 * punctuation. Letters of the alphabets in use, such as those of Hausa, Ewe and Azerbaijani, are allowed.
 */
const TECHNICAL =
  /[\u0184\u0185\u018d\u01a6-\u01a8\u01aa\u01ba-\u01c3\u0250-\u0252\u0255\u0258\u025a\u025c-\u0262\u0264-\u0267\u026a-\u0271\u0273-\u0288\u028a\u028c-\u0291\u0293-\u02ff\u1d00-\u1dbf\u2c60-\u2c7f\ua720-\ua7ff\uab30-\uab6f]/;

/** Marks that hide: without a letter, too many, one twice, a dot on a letter that has one, or strokes. */
const MISPLACED_MARK =
  /(?:^|[ -@[-`{-~])\p{M}|\p{Mn}{5}|(\p{Mn})\1|[\p{Soft_Dotted}\u0131]\u0307|[\u0334-\u0338]/u;

/**
 * The scripts in everyday use (Unicode Standard Annex 31, table 5), and the sets that names of one language
 * mix ("highly restrictive", Unicode Technical Standard 39, section 5.2). A name uses one line.
 */
const SCRIPTS =
  ("Latin Han Hiragana Katakana,Latin Han Bopomofo,Latin Han Hangul,Cyrillic,Greek,Arabic,Hebrew," +
    "Devanagari,Thai,Armenian,Bengali,Ethiopic,Georgian,Gujarati,Gurmukhi,Kannada,Khmer,Lao,Malayalam," +
    "Myanmar,Oriya,Sinhala,Tamil,Telugu,Thaana,Tibetan").split(",");

/** A word that contains a right-to-left letter but does not begin and end as one (RFC 5893, rule 2). */
const MIXED_DIRECTION =
  /^(?=.*[\p{sc=Hebrew}\p{sc=Arabic}\p{sc=Thaana}])(?![\p{sc=Hebrew}\p{sc=Arabic}\p{sc=Thaana}](?:.*[\p{sc=Hebrew}\p{sc=Arabic}\p{sc=Thaana}\p{Nd}])?\p{Mn}*$)/u;

let patterns: RegExp[] | undefined;

/**
 * Converts a name that a person typed to the form in which names are registered and compared: Unicode NFC,
 * with characters of the usual width. So a name that is typed in two ways is one name.
 */
export function normalizeName(name: string): string {
  // A program often sends many messages to one recipient.
  if (name === lastName) return lastNormalized;
  lastNormalized = ASCII_NAME.test(name)
    ? name
    : name.replace(WIDE_OR_NARROW, (wide) => wide.normalize("NFKC")).normalize("NFC");
  lastName = name;
  return lastNormalized;
}

let lastName = "";
let lastNormalized = "";

/**
 * Returns why nobody may register `name`, as the end of a sentence: "it contains an invisible character".
 * Returns `undefined` for a name that may be registered, as {@linkcode checkUserName} defines it.
 */
export function userNameFault(name: string): string | undefined {
  const invalid = invalidNameReason(name);
  if (invalid !== undefined) return invalid;
  // Servers and legacy programs put this between the sender and the text of a message.
  if (name.includes(": ")) return "it contains a colon followed by a space";
  if (name.toLowerCase() === "netlab") return "messages from servers begin with it";
  if (name.includes("  ")) return "it contains two spaces in a row";
  if (ASCII_NAME.test(name)) return undefined;
  if (INVISIBLE.test(name)) return "it contains an invisible character";
  if (normalizeName(name) !== name) return "it is not in the normal form NFC";
  const stranger = NOT_IN_CLASS.exec(name)?.[0] ?? OUT_OF_CONTEXT.exec(name)?.[0];
  if (stranger !== undefined) {
    return `it contains ${codePoint(stranger)}, which is not a letter, a digit or a sign of ASCII`;
  }
  if (name.normalize("NFKC") !== name || TECHNICAL.test(name)) {
    return "it contains a variant of a common letter";
  }
  if (MISPLACED_MARK.test(name)) return "it contains a combining mark that is hard to see";
  patterns ??= SCRIPTS.map((scripts) => {
    const classes = `Common ${scripts} Inherited`.split(" ").map((script) => `\\p{scx=${script}}`);
    return new RegExp(`^[${classes.join("")}]*$`, "u");
  });
  if (!patterns.some((pattern) => pattern.test(name))) {
    return "it mixes scripts, or contains letters of a script that is out of use";
  }
  if (new Set(name.match(/\p{Nd}/gu)?.map(digitSet)).size > 1) return "it mixes kinds of digits";
  if (name.split(" ").some((word) => MIXED_DIRECTION.test(word))) {
    return "it mixes text from right to left with text from left to right";
  }
  return undefined;
}

/**
 * Checks a name that a user wants to register: letters, digits, marks and printable ASCII of one script, in the
 * form of {@linkcode normalizeName}, in words with one space between them. Returns it.
 *
 * @throws {NetlabError} {@linkcode ErrorCode.NameInvalid} when nobody may register the name.
 */
export function checkUserName(name: string): string {
  const reason = userNameFault(name);
  if (reason === undefined) return name;
  throw new NetlabError(
    ErrorCode.NameInvalid,
    `Cannot use the user name ${quote(name)}: ${reason}`,
  );
}

/** Cyrillic, Greek and Armenian letters, each followed by the Latin letter that looks the same. */
const LOOK_ALIKES = new Map(
  ("АAВBСCЕEНHІIЈJКKМMОOРPЅSТTХXҮYԚQԜWаaеeоoрpсcуyхxіiјjѕsһhԁdԛqԝwӀlӏlЬbЗ3гrѴVѵvԌGΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXͿJ" +
    "αaγyιiνvοoρpυuσoϳjՏSՕOոnօoսuհhցgզqգqռnքfԼL").match(/../gu)!.map((
      [letter, latin],
    ) => [letter!, latin!]),
);

/**
 * Returns a text that is equal for names of different scripts that look the same, such as Latin `BOB` and
 * Cyrillic `ВОВ`. Names within one script are not compared: `Al` and `AI` differ.
 */
export function nameSkeleton(name: string): string {
  if (ASCII_NAME.test(name)) return name;
  const letters = name.normalize("NFD").replace(/[\u0370-\u058f]/g, (letter) => {
    return LOOK_ALIKES.get(letter) ?? letter;
  });
  return letters.normalize("NFC");
}

/** The ten digits of a kind share all but the last four bits, in every script that names may use. */
function digitSet(digit: string): number {
  return digit.codePointAt(0)! >> 4;
}

function codePoint(character: string): string {
  const hex = [...character].find((each) => each > "~") ?? character;
  return `U+${hex.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
}
