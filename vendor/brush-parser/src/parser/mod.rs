//! The grammar over tokens.

use crate::ast;
use crate::error::ParseError;
use crate::tokenizer::{Token, Tokens};

pub(crate) mod peg;

/// Options used to control the behavior of the parser.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct ParserOptions {
    /// Whether or not to enable maximal compatibility with the `sh` shell.
    pub sh_mode: bool,
}

/// Parses a sequence of tokens into the abstract syntax tree (AST) of a shell program.
///
/// # Arguments
///
/// * `tokens` - The tokens to parse.
/// * `options` - The options to use when parsing.
pub fn parse_tokens(tokens: &[Token], options: &ParserOptions) -> Result<ast::Program, ParseError> {
    peg::token_parser::program(&Tokens { tokens }, options)
        .map_err(|error| crate::error::convert_peg_parse_error(&error, tokens))
}
