//! The users by name, and the costliest hash among them.

use super::User;
use crate::{
    ConfigError,
    password::{Cost, PasswordHash},
};
use std::collections::HashMap;

#[derive(Clone)]
pub(super) struct Table {
    users: HashMap<Box<str>, User>,
    /// Checked for users that do not exist. It costs as much as the costliest hash of a user.
    nobody: PasswordHash,
}

impl Table {
    pub(super) fn new() -> Result<Self, ConfigError> {
        Ok(Self {
            users: HashMap::new(),
            nobody: PasswordHash::unmatched(Cost::RECOMMENDED)?,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    /// The user of this name, if they may enter.
    pub(super) fn enabled(&self, name: &str) -> Option<&User> {
        self.users.get(name).filter(|user| user.enabled)
    }

    pub(super) fn nobody(&self) -> &PasswordHash {
        &self.nobody
    }

    /// Adds a user. Returns the user of the same name that is replaced.
    pub(super) fn insert(&mut self, user: User) -> Option<User> {
        let cost = user.hash.cost();
        let old = self.users.insert(user.name().into(), user);
        self.update_nobody(Some(cost));
        old
    }

    /// Replaces all users by these, which must have different names. Returns the old ones.
    pub(super) fn replace(&mut self, users: Vec<User>) -> HashMap<Box<str>, User> {
        let cost = users.iter().map(|user| user.hash.cost()).max();
        let users = users.into_iter().map(|user| (user.name().into(), user));
        let old = std::mem::replace(&mut self.users, users.collect());
        self.update_nobody(cost);
        old
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<User> {
        let old = self.users.remove(name)?;
        self.update_nobody(None);
        Some(old)
    }

    /// Changes a user. Returns whether there is one.
    pub(super) fn change(&mut self, name: &str, change: impl FnOnce(&mut User)) -> bool {
        let Some(user) = self.users.get_mut(name) else {
            return false;
        };
        change(user);
        let cost = user.hash.cost();
        self.update_nobody(Some(cost));
        true
    }

    /// Adapts the cost of `nobody` to the costliest hash, after a change that added this one.
    fn update_nobody(&mut self, added: Option<Cost>) {
        let cost = self.nobody.cost();
        let mut costs = self.users.values().map(|user| user.hash.cost());
        // Ends at the first user if all hashes have the same cost.
        if added <= Some(cost) && costs.any(|each| each == cost) {
            return;
        }
        let costs = self.users.values().map(|user| user.hash.cost());
        self.nobody = self.nobody.at(costs.max().unwrap_or(Cost::RECOMMENDED));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, memory: u32) -> User {
        let cost = Cost::argon2id(memory, 1, 1).unwrap();
        User::new(name, PasswordHash::at_cost("x", cost))
    }

    #[test]
    fn nobody_costs_as_much_as_the_costliest_user() {
        let mut table = Table::new().unwrap();
        let memory = |table: &Table| table.nobody().cost().memory();
        assert_eq!(table.nobody().cost(), Cost::RECOMMENDED);
        table.insert(user("a", 8));
        assert_eq!(memory(&table), 8);
        table.insert(user("b", 32));
        assert_eq!(memory(&table), 32);
        table.insert(user("c", 16));
        assert_eq!(memory(&table), 32);
        assert!(table.change("b", |b| b.hash = user("b", 12).hash));
        assert_eq!(memory(&table), 16);
        table.insert(user("c", 9));
        assert_eq!(memory(&table), 12);
        assert!(table.remove("b").is_some());
        assert_eq!(memory(&table), 9);
        assert!(table.remove("c").is_some());
        assert!(table.remove("a").is_some());
        assert!(table.remove("a").is_none());
        assert_eq!(table.nobody().cost(), Cost::RECOMMENDED);
        assert_eq!(table.len(), 0);
    }
}
