//! `[[ … ]]`: its words may run code, and its comparisons of numbers evaluate them.

use brush_parser::ast::{BinaryPredicate as Binary, ExtendedTestExpr as Test, UnaryPredicate as Unary, Word};

use super::read::{Reader, Spot};
use super::walk::letters;
use super::word::{Atom, Doubt};

impl Reader {
    pub(super) fn test(&mut self, test: &Test, source: &[char], spot: &Spot) -> Result<(), Doubt> {
        self.node()?;
        match test {
            Test::And(left, right) | Test::Or(left, right) => {
                self.test(left, source, spot)?;
                self.test(right, source, spot)
            }
            Test::Not(inner) | Test::Parenthesized(inner) => self.test(inner, source, spot),
            Test::UnaryTest(Unary::ShellVariableIsSetAndAssigned | Unary::ShellVariableIsSetAndNameRef, word) => {
                // A subscript would be evaluated.
                if word.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                    return Ok(());
                }
                Err("a test of a variable that is named by something else".to_owned())
            }
            Test::UnaryTest(_, word) => self.operand(word, source, spot),
            Test::BinaryTest(how, left, right) => match how {
                Binary::ArithmeticEqualTo
                | Binary::ArithmeticNotEqualTo
                | Binary::ArithmeticLessThan
                | Binary::ArithmeticLessThanOrEqualTo
                | Binary::ArithmeticGreaterThan
                | Binary::ArithmeticGreaterThanOrEqualTo => {
                    self.number(left, source, spot)?;
                    self.number(right, source, spot)
                }
                Binary::StringMatchesRegex | Binary::StringContainsSubstring => {
                    self.operand(left, source, spot)?;
                    pattern(&right.value)
                }
                Binary::FilesReferToSameDeviceAndInodeNumbers
                | Binary::LeftFileIsNewerOrExistsWhenRightDoesNot
                | Binary::LeftFileIsOlderOrDoesNotExistWhenRightDoes
                | Binary::StringExactlyMatchesString
                | Binary::StringDoesNotExactlyMatchString
                | Binary::StringExactlyMatchesPattern
                | Binary::StringDoesNotExactlyMatchPattern
                | Binary::LeftSortsBeforeRight
                | Binary::LeftSortsAfterRight => {
                    self.operand(left, source, spot)?;
                    self.operand(right, source, spot)
                }
            },
        }
    }

    fn operand(&mut self, word: &Word, source: &[char], spot: &Spot) -> Result<(), Doubt> {
        self.scan(letters(word, source).ok_or("a test without a place")?, spot).map(|_| ())
    }

    /// A number, or a variable that arithmetic evaluates.
    fn number(&mut self, word: &Word, source: &[char], spot: &Spot) -> Result<(), Doubt> {
        let (scan, _) = self.scan(letters(word, source).ok_or("a test without a place")?, spot)?;
        match scan.atoms.as_slice() {
            [Atom::Hole { shown, .. }]
                if matches!(shown.as_str(), "$#" | "$?" | "$$") || shown.starts_with("${#") =>
            {
                Ok(())
            }
            [Atom::Hole { shown, .. }] if shown.starts_with("$((") => Ok(()),
            [Atom::Hole { shown, .. }] => {
                let name = shown.trim_start_matches(['$', '{']).trim_end_matches('}');
                if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                    return Err("a test of a computed number".to_owned());
                }
                self.counted.insert(name.to_owned());
                Ok(())
            }
            letters
                if letters
                    .iter()
                    .all(|one| matches!(one, Atom::Char { c, .. } if c.is_ascii_digit() || *c == '-')) =>
            {
                Ok(())
            }
            _ => Err("a test of a computed number".to_owned()),
        }
    }
}

/// A regular expression comes without its place, so only plain ones are read.
fn pattern(text: &str) -> Result<(), Doubt> {
    let runs = ["`", "$(", "${", "<(", ">("].iter().any(|code| text.contains(code));
    if runs || text.contains([' ', '\n', '\t', ';', '&', '<', '>']) {
        return Err("a regular expression that may be more than one".to_owned());
    }
    Ok(())
}
