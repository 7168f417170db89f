//! Tokenizer and parser for POSIX and bash command lines: a reduced and hardened copy of brush-parser 0.4.0.
//!
//! What was left out and what was changed is told in `PATCHES.md`.

pub mod ast;

mod assignment;
mod error;
mod parser;
mod source;
mod tokenizer;

pub use error::ParseError;
pub use parser::{ParserOptions, parse_tokens};
pub use source::{SourcePosition, SourcePositionOffset, SourceSpan};
pub use tokenizer::{MAX_DEPTH, Token, TokenizerError, TokenizerOptions, uncached_tokenize_str, unquote_str};
