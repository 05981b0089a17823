/**
 * The grammar of blocks: parameters, binders and statements. A statement begins on a line of its own, and what follows its first
 * word says which it is.
 */
import { EOF, tokenMatcher } from "chevrotain";
import { expressionStart, free, head } from "./expressions.ts";
import * as t from "./tokens.ts";
import { TypeGrammar } from "./types.ts";

const { Kw } = t;

type StatementStart = "param" | "let" | "for" | "if" | "require" | "delta" | "forward" | "member" | "clause" | "assign";

export class StatementGrammar extends TypeGrammar {
  // ---------------------------------------------------------------- parts of declarations

  protected readonly params = this.RULE("params", () => {
    this.CONSUME(t.LParen);
    this.OPTION(() => {
      this.SUBRULE(this.param);
      this.MANY({
        GATE: () => this.LA(2).tokenType !== t.RParen,
        DEF: () => {
          this.CONSUME(t.Comma);
          this.SUBRULE2(this.param);
        },
      });
      this.OPTION2(() => this.CONSUME2(t.Comma));
    });
    this.CONSUME(t.RParen);
  });

  protected readonly param = this.RULE("param", () => {
    this.CONSUME(t.Word);
    this.OPTION(() => {
      this.CONSUME(t.Colon);
      this.SUBRULE(this.typeExpression);
    });
    this.OPTION2(() => {
      this.CONSUME(t.Equal);
      this.SUBRULE(this.expression, { ARGS: [free] });
    });
  });

  protected readonly dimParams = this.RULE("dimParams", () => {
    this.CONSUME(t.LBracket);
    this.CONSUME(t.Word);
    this.MANY(() => {
      this.OR([{ ALT: () => this.CONSUME(t.Comma) }, { ALT: () => this.CONSUME(t.Arrow) }]);
      this.CONSUME2(t.Word);
    });
    this.CONSUME(t.RBracket);
  });

  protected readonly binders = this.RULE("binders", () => {
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.binder) });
  });

  protected readonly binder = this.RULE("binder", () => {
    this.CONSUME(t.Word, { LABEL: "name" });
    this.CONSUME(t.Colon);
    this.OPTION({
      GATE: () => this.LA(2).tokenType === Kw.of || this.LA(2).tokenType === t.Dot,
      DEF: () => {
        this.CONSUME2(t.Word, { LABEL: "port" });
        this.OPTION2(() => {
          this.CONSUME(t.Dot);
          this.CONSUME3(t.Word, { LABEL: "part" });
        });
        this.CONSUME(Kw.of);
      },
    });
    this.SUBRULE(this.typeExpression);
  });

  // ---------------------------------------------------------------- statements

  protected readonly block = this.RULE("block", () => {
    this.CONSUME(t.LBrace);
    this.MANY({
      GATE: () => this.LA(0).tokenType === t.LBrace || !this.onSameLine(),
      DEF: () => this.SUBRULE(this.statement),
    });
    this.CONSUME(t.RBrace);
  });

  readonly statement = this.RULE("statement", () => {
    let start: StatementStart | undefined;
    const is = (wanted: StatementStart) => (): boolean => (start ??= this.statementStart()) === wanted;
    this.OR({
      IGNORE_AMBIGUITIES: true,
      DEF: [
        { GATE: is("param"), ALT: () => this.SUBRULE(this.paramStatement) },
        { GATE: is("let"), ALT: () => this.SUBRULE(this.letStatement) },
        { GATE: is("for"), ALT: () => this.SUBRULE(this.forStatement) },
        { GATE: is("if"), ALT: () => this.SUBRULE(this.ifStatement) },
        { GATE: is("require"), ALT: () => this.SUBRULE(this.requireStatement) },
        { GATE: is("forward"), ALT: () => this.SUBRULE(this.forwardStatement) },
        { GATE: is("member"), ALT: () => this.SUBRULE(this.memberStatement) },
        { GATE: is("clause"), ALT: () => this.SUBRULE(this.clauseStatement) },
        { GATE: () => is("assign")() || is("delta")(), ALT: () => this.SUBRULE(this.assignStatement) },
      ],
    });
  });

  protected readonly paramStatement = this.RULE("paramStatement", () => {
    this.CONSUME(Kw.param);
    this.CONSUME(t.Word, { LABEL: "name" });
    this.CONSUME(t.Colon);
    this.SUBRULE(this.typeExpression);
    this.OPTION({
      GATE: () => this.LA(1).image === "init" && this.onSameLine(),
      DEF: () => {
        this.CONSUME(t.Identifier, { LABEL: "init" });
        this.SUBRULE(this.expression, { ARGS: [free] });
      },
    });
    this.OPTION2({ GATE: () => this.onSameLine(), DEF: () => this.SUBRULE(this.onlyIf) });
  });

  protected readonly letStatement = this.RULE("letStatement", () => {
    this.CONSUME(Kw.let);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.CONSUME(t.Word, { LABEL: "name" }) });
    this.OPTION(() => {
      this.CONSUME(t.Colon);
      this.SUBRULE(this.typeExpression);
    });
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expression, { ARGS: [free] });
  });

  protected readonly assignStatement = this.RULE("assignStatement", () => {
    this.OPTION({ GATE: () => this.statementStart() === "delta", DEF: () => this.CONSUME(Kw.delta) });
    this.SUBRULE(this.postfix, { ARGS: [free], LABEL: "target" });
    this.MANY(() => {
      this.CONSUME(t.Comma);
      this.SUBRULE2(this.postfix, { ARGS: [free], LABEL: "target" });
    });
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expression, { ARGS: [free], LABEL: "value" });
    this.MANY2(() => {
      this.CONSUME2(t.Comma);
      this.SUBRULE2(this.expression, { ARGS: [free], LABEL: "value" });
    });
  });

  protected readonly memberStatement = this.RULE("memberStatement", () => {
    this.AT_LEAST_ONE_SEP({ SEP: t.Dot, DEF: () => this.CONSUME(t.Word) });
    this.OPTION3(() => {
      this.CONSUME(t.LBracket);
      this.SUBRULE(this.number);
      this.CONSUME(t.RBracket);
    });
    this.CONSUME(t.Colon);
    this.SUBRULE(this.typeExpression);
    this.OPTION(() => {
      this.CONSUME(t.Equal);
      this.SUBRULE(this.expression, { ARGS: [free] });
    });
    this.OPTION2({ GATE: () => this.onSameLine(), DEF: () => this.SUBRULE(this.onlyIf) });
  });

  protected readonly forwardStatement = this.RULE("forwardStatement", () => {
    this.CONSUME(t.Word, { LABEL: "name" });
    this.OPTION(() => this.SUBRULE(this.dimParams));
    this.SUBRULE(this.params);
    this.OPTION2(() => {
      this.CONSUME(t.Arrow);
      this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.result) });
    });
    this.SUBRULE(this.block);
  });

  /** `logits: [B, S, V]`, or a type alone. */
  protected readonly result = this.RULE("result", () => {
    this.OPTION({
      GATE: () => this.LA(2).tokenType === t.Colon,
      DEF: () => {
        this.CONSUME(t.Word, { LABEL: "name" });
        this.CONSUME(t.Colon);
      },
    });
    this.SUBRULE(this.typeExpression);
  });

  protected readonly forStatement = this.RULE("forStatement", () => {
    this.CONSUME(Kw.for);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.CONSUME(t.Word, { LABEL: "name" }) });
    this.CONSUME(Kw.in);
    this.SUBRULE(this.expression, { ARGS: [head] });
    this.SUBRULE(this.block);
  });

  protected readonly ifStatement = this.RULE("ifStatement", () => {
    this.CONSUME(Kw.if);
    this.SUBRULE(this.expression, { ARGS: [head] });
    this.SUBRULE(this.block, { LABEL: "then" });
    this.OPTION(() => {
      this.CONSUME(Kw.else);
      this.OR([
        { ALT: () => this.SUBRULE(this.ifStatement, { LABEL: "elseIf" }) },
        { ALT: () => this.SUBRULE2(this.block, { LABEL: "else" }) },
      ]);
    });
  });

  protected readonly requireStatement = this.RULE("requireStatement", () => {
    this.CONSUME(Kw.require);
    this.SUBRULE(this.expression, { ARGS: [free], LABEL: "condition" });
    this.OPTION(() => {
      this.CONSUME(Kw.else);
      this.SUBRULE2(this.expression, { ARGS: [free], LABEL: "message" });
    });
  });

  /** `reads "LlamaForCausalLM"`, `ignores a, b`, `tensor A = "..."`; `...` stands for what is left out. */
  protected readonly clauseStatement = this.RULE("clauseStatement", () => {
    this.OR([{ ALT: () => this.CONSUME(t.Word, { LABEL: "word" }) }, { ALT: () => this.CONSUME(t.Ellipsis, { LABEL: "word" }) }]);
    this.OPTION({
      GATE: () => this.onSameLine(),
      DEF: () => {
        this.SUBRULE(this.expression, { ARGS: [free], LABEL: "operand" });
        this.MANY(() => {
          this.CONSUME(t.Comma);
          this.SUBRULE2(this.expression, { ARGS: [free], LABEL: "operand" });
        });
      },
    });
    this.OPTION2(() => {
      this.CONSUME(t.Equal);
      this.SUBRULE3(this.expression, { ARGS: [free], LABEL: "value" });
    });
    this.OPTION3({ GATE: () => this.onSameLine(), DEF: () => this.SUBRULE(this.onlyIf) });
  });

  protected readonly onlyIf = this.RULE("onlyIf", () => {
    this.CONSUME(Kw.if);
    this.SUBRULE(this.expression, { ARGS: [free] });
  });

  // ---------------------------------------------------------------- what the gates look at

  /** Which statement begins at the next token; a keyword followed by `.`, `:`, `=` or `,` is a name. */
  protected statementStart(): StatementStart {
    const first = this.LA(1);
    const second = this.LA(2);
    const named = [t.Dot, t.Colon, t.Equal, t.Comma].includes(second.tokenType);
    if (!named) {
      switch (first.tokenType) {
        case Kw.param: return "param";
        case Kw.let: return "let";
        case Kw.for: return "for";
        case Kw.if: return "if";
        case Kw.require: return "require";
        case Kw.delta: if (tokenMatcher(second, t.Word)) return "delta";
      }
    }
    if (first.tokenType === t.Ellipsis) return "clause";
    if (!tokenMatcher(first, t.Word)) return "assign";
    if (second.tokenType === t.LParen) return "forward";
    let at = 2;
    while (this.LA(at).tokenType === t.Dot && tokenMatcher(this.LA(at + 1), t.Word)) at += 2;
    if (this.LA(at).tokenType === t.LBracket) {
      const after = this.LA(this.afterBracket(at)).tokenType;
      if (after === t.Colon) return "member";
      if (at === 2) return after === t.LParen ? "forward" : "assign";
    }
    if (this.LA(at).tokenType === t.Colon) return "member";
    if (at > 2 || second.tokenType === t.Equal || second.tokenType === t.Comma) return "assign";
    if (!this.sameLine(first, second) || second.tokenType === t.RBrace) return "clause";
    return expressionStart.some((token) => tokenMatcher(second, token)) && second.tokenType !== t.Minus ? "clause" : "assign";
  }

  /** The place after the bracket that closes the one at `at`. */
  protected afterBracket(at: number): number {
    let depth = 0;
    for (let i = at; this.LA(i).tokenType !== EOF; i++) {
      const { tokenType } = this.LA(i);
      if (tokenType === t.LBracket) depth++;
      if (tokenType === t.RBracket && --depth === 0) return i + 1;
    }
    return at;
  }
}
