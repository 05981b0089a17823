/**
 * The grammar of expressions; `types.ts`, `statements.ts` and `parser.ts` build on it.
 *
 * Line breaks matter where a gate asks whether a token stands on the line of the one before it: brackets that continue an
 * expression, and the end of an open range.
 */
import { CstParser, EOF, tokenMatcher, type IParserErrorMessageProvider, type IToken, type TokenType } from "chevrotain";
import * as t from "./tokens.ts";

const { Kw } = t;

/** What an expression may not contain at its outer level: a brace ends a condition, `then` ends the condition of `if`. */
export interface Limits {
  readonly braces: boolean;
  readonly then: boolean;
}
export const free: Limits = { braces: true, then: true };
export const head: Limits = { braces: false, then: true };
const condition: Limits = { braces: true, then: false };

const infix: readonly TokenType[] = [
  Kw.with, Kw.then, Kw.where, t.Coalesce, Kw.or, Kw.and, t.EqualEqual, t.NotEqual, t.Less, t.LessEqual, t.Greater, t.GreaterEqual,
  Kw.in, t.Plus, t.Minus, t.Star, t.Slash, t.At, t.Percent, t.StarStar,
];
export const expressionStart: readonly TokenType[] = [
  t.NumberToken, t.StringToken, t.NameWord, Kw.true, Kw.false, Kw.none, Kw.if, Kw.switch, Kw.not, t.Minus, t.LParen, t.LBracket, t.LBrace,
];

/** The parser's messages are the names of the expected token types: wording is for `compiler/syntax/explain.ts`. */
const expectedTokens: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected }) => expected.name,
  buildNotAllInputParsedMessage: () => "",
  buildNoViableAltMessage: ({ expectedPathsPerAlt }) => firstNames(expectedPathsPerAlt.flat()),
  buildEarlyExitMessage: ({ expectedIterationPaths }) => firstNames(expectedIterationPaths),
};

function firstNames(paths: TokenType[][]): string {
  return [...new Set(paths.flatMap((path) => (path[0] ? [path[0].name] : [])))].join(" ");
}

export class ExpressionGrammar extends CstParser {
  /** `validated`: the grammar is checked for ambiguity and the like, which a test does once and no start of a program. */
  constructor(validated: boolean) {
    super(t.allTokens, { recoveryEnabled: true, nodeLocationTracking: "full", maxLookahead: 2, errorMessageProvider: expectedTokens, skipValidations: !validated });
  }

  // ---------------------------------------------------------------- expressions

  /** `each t: w * t`, or operands with infix operators between them; `build.ts` groups them by precedence. */
  protected readonly expression = this.RULE("expression", (limits: Limits = free) => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(Kw.each);
          this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.CONSUME(t.Word, { LABEL: "name" }) });
          this.CONSUME(t.Colon);
          this.SUBRULE(this.expression, { ARGS: [limits], LABEL: "body" });
        },
      },
      {
        ALT: () => {
          this.SUBRULE(this.rangeSign);
          this.OPTION({ GATE: () => this.operandFollows(), DEF: () => this.SUBRULE(this.chain, { ARGS: [limits] }) });
        },
      },
      { ALT: () => this.SUBRULE2(this.chain, { ARGS: [limits] }) },
    ]);
  });

  protected readonly chain = this.RULE("chain", (limits: Limits = free) => {
    this.SUBRULE(this.operand, { ARGS: [limits], LABEL: "part" });
    this.MANY({
      GATE: () => limits.then || this.LA(1).tokenType !== Kw.then,
      DEF: () =>
        this.OR([
          {
            ALT: () => {
              this.SUBRULE(this.infix, { LABEL: "part" });
              this.SUBRULE2(this.operand, { ARGS: [limits], LABEL: "part" });
            },
          },
          {
            ALT: () => {
              this.SUBRULE(this.rangeSign, { LABEL: "part" });
              this.OPTION({ GATE: () => this.operandFollows(), DEF: () => this.SUBRULE3(this.operand, { ARGS: [limits], LABEL: "part" }) });
            },
          },
        ]),
    });
  });

  protected readonly rangeSign = this.RULE("rangeSign", () => {
    this.OR([{ ALT: () => this.CONSUME(t.RangeOpen) }, { ALT: () => this.CONSUME(t.RangeInclusive) }]);
  });

  protected readonly infix = this.RULE("infix", () => {
    this.OR(infix.map((token) => ({ ALT: () => this.CONSUME(token) })));
  });

  protected readonly operand = this.RULE("operand", (limits: Limits = free) => {
    this.MANY(() => this.OR([{ ALT: () => this.CONSUME(t.Minus) }, { ALT: () => this.CONSUME(Kw.not) }]));
    this.SUBRULE(this.postfix, { ARGS: [limits] });
    this.MANY2(() => this.SUBRULE(this.clause, { ARGS: [limits] }));
  });

  /** Words that follow an adapter, a merge or a router: where it sits, where it is read from, when it decides. */
  protected readonly clause = this.RULE("clause", (limits: Limits = free) => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(Kw.on);
          this.SUBRULE(this.selector, { ARGS: [limits], LABEL: "sites" });
          this.OPTION(() => {
            this.CONSUME(Kw.reading);
            this.SUBRULE2(this.selector, { ARGS: [limits], LABEL: "reads" });
          });
        },
      },
      {
        ALT: () => {
          this.CONSUME(Kw.from);
          this.OR2([
            { ALT: () => this.CONSUME(t.StringToken) },
            { ALT: () => this.CONSUME(t.NameWord, { LABEL: "pass" }) },
          ]);
          this.OPTION2(() => {
            this.CONSUME(Kw.as);
            this.CONSUME(t.Word, { LABEL: "dtype" });
          });
        },
      },
      {
        ALT: () => {
          this.CONSUME(Kw.of);
          this.SUBRULE(this.postfix, { ARGS: [limits], LABEL: "members" });
        },
      },
      {
        ALT: () => {
          this.CONSUME(Kw.relative);
          this.CONSUME2(t.Word, { LABEL: "to" });
          this.SUBRULE2(this.postfix, { ARGS: [limits], LABEL: "relative" });
        },
      },
      {
        ALT: () => {
          this.CONSUME(Kw.per);
          this.CONSUME2(t.NameWord, { LABEL: "unit" });
        },
      },
      {
        ALT: () => {
          this.CONSUME(Kw.every);
          this.SUBRULE3(this.postfix, { ARGS: [limits], LABEL: "every" });
          this.CONSUME3(t.NameWord, { LABEL: "unit" });
        },
      },
      {
        ALT: () => {
          this.CONSUME(Kw.at);
          this.OR3([
            {
              ALT: () => {
                this.CONSUME(Kw.each);
                this.CONSUME5(t.Word, { LABEL: "site" });
              },
            },
            { ALT: () => this.SUBRULE3(this.selector, { ARGS: [limits], LABEL: "where" }) },
          ]);
        },
      },
      { ALT: () => this.CONSUME(Kw.once) },
    ]);
  });

  /** A path of modules, or one port of it: `output of smol.model.layers[*].mlp`. */
  protected readonly selector = this.RULE("selector", (limits: Limits = free) => {
    this.SUBRULE(this.postfix, { ARGS: [limits], LABEL: "path" });
    this.OPTION(() => {
      this.CONSUME(Kw.of);
      this.SUBRULE2(this.postfix, { ARGS: [limits], LABEL: "of" });
    });
  });

  protected readonly postfix = this.RULE("postfix", (limits: Limits = free) => {
    this.OR({
      IGNORE_AMBIGUITIES: true,
      DEF: [
        {
          GATE: () => this.LA(1).tokenType === Kw.base && tokenMatcher(this.LA(2), t.NameWord) && this.sameLine(this.LA(1), this.LA(2)),
          ALT: () => {
            this.CONSUME(Kw.base);
            this.SUBRULE(this.postfix, { ARGS: [limits], LABEL: "unadapted" });
          },
        },
        {
          ALT: () => {
            this.SUBRULE(this.primary, { ARGS: [limits] });
            this.MANY({
              GATE: () => this.suffixFollows(limits),
              DEF: () => this.SUBRULE(this.suffix),
            });
          },
        },
      ],
    });
  });

  protected readonly suffix = this.RULE("suffix", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.Dot);
          this.OR2([{ ALT: () => this.CONSUME(t.Word) }, { ALT: () => this.SUBRULE(this.nameSet) }]);
        },
      },
      { ALT: () => this.SUBRULE(this.args) },
      { ALT: () => this.SUBRULE(this.index) },
      { ALT: () => this.SUBRULE(this.entries) },
    ]);
  });

  /** `{q_proj, v_proj}` */
  protected readonly nameSet = this.RULE("nameSet", () => {
    this.CONSUME(t.LBrace);
    this.CONSUME(t.Word);
    this.MANY({
      GATE: () => this.LA(2).tokenType !== t.RBrace,
      DEF: () => {
        this.CONSUME(t.Comma);
        this.CONSUME2(t.Word);
      },
    });
    this.OPTION(() => this.CONSUME2(t.Comma));
    this.CONSUME(t.RBrace);
  });

  protected readonly args = this.RULE("args", () => {
    this.CONSUME(t.LParen);
    this.OPTION(() => {
      this.SUBRULE(this.argument);
      this.MANY({
        GATE: () => this.LA(2).tokenType !== t.RParen,
        DEF: () => {
          this.CONSUME(t.Comma);
          this.SUBRULE2(this.argument);
        },
      });
      this.OPTION2(() => this.CONSUME2(t.Comma));
    });
    this.CONSUME(t.RParen);
  });

  protected readonly entries = this.RULE("entries", () => {
    this.CONSUME(t.LBrace);
    this.OPTION(() => {
      this.SUBRULE(this.argument);
      this.MANY({
        GATE: () => this.LA(2).tokenType !== t.RBrace,
        DEF: () => {
          this.CONSUME(t.Comma);
          this.SUBRULE2(this.argument);
        },
      });
      this.OPTION2(() => this.CONSUME2(t.Comma));
    });
    this.CONSUME(t.RBrace);
  });

  /** `x`, `name: x`, and `logits.a: x` for an output by its whole name. */
  protected readonly argument = this.RULE("argument", () => {
    this.OPTION({
      GATE: () => this.nameFollows(),
      DEF: () => {
        this.AT_LEAST_ONE_SEP({ SEP: t.Dot, DEF: () => this.CONSUME(t.Word) });
        this.CONSUME(t.Colon);
      },
    });
    this.SUBRULE(this.expression, { ARGS: [free] });
  });

  /** Words with dots between them, and a colon. */
  private nameFollows(): boolean {
    let at = 2;
    while (this.LA(at).tokenType === t.Dot) at += 2;
    return this.LA(at).tokenType === t.Colon;
  }

  protected readonly index = this.RULE("index", () => {
    this.CONSUME(t.LBracket);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.indexItem) });
    this.CONSUME(t.RBracket);
  });

  protected readonly indexItem = this.RULE("indexItem", () => {
    this.OR([
      { ALT: () => this.CONSUME(t.Star) },
      { ALT: () => this.SUBRULE(this.expression, { ARGS: [free], LABEL: "value" }) },
    ]);
    this.OPTION(() => {
      this.CONSUME(Kw.except);
      this.SUBRULE2(this.expression, { ARGS: [free], LABEL: "except" });
    });
  });

  protected readonly primary = this.RULE("primary", (limits: Limits = free) => {
    this.OR([
      { ALT: () => this.SUBRULE(this.number) },
      { ALT: () => this.CONSUME(t.StringToken) },
      { ALT: () => this.CONSUME(Kw.true) },
      { ALT: () => this.CONSUME(Kw.false) },
      { ALT: () => this.CONSUME(Kw.none) },
      { ALT: () => this.CONSUME(t.NameWord) },
      { ALT: () => this.SUBRULE(this.parenthesized) },
      { ALT: () => this.SUBRULE(this.list) },
      { ALT: () => this.SUBRULE(this.entries) },
      { ALT: () => this.SUBRULE(this.conditional, { ARGS: [limits] }) },
      { ALT: () => this.SUBRULE(this.switching) },
    ]);
  });

  protected readonly number = this.RULE("number", () => {
    this.CONSUME(t.NumberToken);
    this.OPTION({
      GATE: () => this.onSameLine() && (t.units as readonly string[]).includes(this.LA(1).image),
      DEF: () => this.CONSUME(t.Identifier),
    });
  });

  protected readonly parenthesized = this.RULE("parenthesized", () => {
    this.CONSUME(t.LParen);
    this.SUBRULE(this.expression, { ARGS: [free] });
    this.CONSUME(t.RParen);
  });

  /** `[a, b]`, or `[P; k]`: joined along the token axis. */
  protected readonly list = this.RULE("list", () => {
    this.CONSUME(t.LBracket);
    this.OPTION(() => {
      this.SUBRULE(this.expression, { ARGS: [free] });
      this.OR([
        {
          ALT: () =>
            this.AT_LEAST_ONE(() => {
              this.CONSUME(t.Semicolon);
              this.SUBRULE3(this.expression, { ARGS: [free] });
            }),
        },
        {
          ALT: () => {
            this.MANY({
              GATE: () => this.LA(2).tokenType !== t.RBracket,
              DEF: () => {
                this.CONSUME(t.Comma);
                this.SUBRULE2(this.expression, { ARGS: [free] });
              },
            });
            this.OPTION2(() => this.CONSUME2(t.Comma));
          },
        },
      ]);
    });
    this.CONSUME(t.RBracket);
  });

  protected readonly conditional = this.RULE("conditional", (limits: Limits = free) => {
    this.CONSUME(Kw.if);
    this.SUBRULE(this.expression, { ARGS: [condition], LABEL: "condition" });
    this.CONSUME(Kw.then);
    this.SUBRULE2(this.expression, { ARGS: [free], LABEL: "then" });
    this.CONSUME(Kw.else);
    this.SUBRULE3(this.expression, { ARGS: [limits], LABEL: "else" });
  });

  protected readonly switching = this.RULE("switching", () => {
    this.CONSUME(Kw.switch);
    this.SUBRULE(this.expression, { ARGS: [head] });
    this.CONSUME(t.LBrace);
    this.OPTION(() => {
      this.SUBRULE(this.arm);
      this.MANY({
        GATE: () => this.LA(2).tokenType !== t.RBrace,
        DEF: () => {
          this.CONSUME(t.Comma);
          this.SUBRULE2(this.arm);
        },
      });
      this.OPTION2(() => this.CONSUME2(t.Comma));
    });
    this.CONSUME(t.RBrace);
  });

  protected readonly arm = this.RULE("arm", () => {
    this.SUBRULE(this.expression, { ARGS: [free], LABEL: "pattern" });
    this.CONSUME(t.FatArrow);
    this.SUBRULE2(this.expression, { ARGS: [free], LABEL: "value" });
  });

  // ---------------------------------------------------------------- what the gates look at

  protected sameLine(a: IToken, b: IToken): boolean {
    return b.tokenType !== EOF && (a.endLine ?? a.startLine) === b.startLine;
  }

  protected onSameLine(): boolean {
    return this.sameLine(this.LA(0), this.LA(1));
  }

  /** Whether a bracket or dot continues the expression: dots always, brackets on the same line, braces where allowed. */
  protected suffixFollows(limits: Limits): boolean {
    const next = this.LA(1);
    if (next.tokenType === t.Dot) return true;
    return this.onSameLine() && (next.tokenType !== t.LBrace || limits.braces);
  }

  protected operandFollows(): boolean {
    const next = this.LA(1);
    return this.onSameLine() && next.tokenType !== t.LBrace && expressionStart.some((token) => tokenMatcher(next, token));
  }
}
