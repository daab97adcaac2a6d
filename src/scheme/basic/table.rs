//! The users by name, and the costliest hash among them.

use super::User;
use crate::{
    ConfigError,
    password::{Cost, PasswordHash},
};
use std::collections::{BTreeMap, HashMap};

#[derive(Clone)]
pub(super) struct Table {
    users: HashMap<Box<str>, User>,
    /// How many users have a hash of this cost.
    costs: BTreeMap<Cost, usize>,
    /// Checked for those who do not exist; as costly as the costliest stored.
    nobody: PasswordHash,
}

impl Table {
    pub(super) fn new() -> Result<Self, ConfigError> {
        Ok(Self {
            users: HashMap::new(),
            costs: BTreeMap::new(),
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

    /// Adds a user, or replaces the one of this name and gives it back.
    pub(super) fn insert(&mut self, user: User) -> Option<User> {
        self.count(user.hash.cost());
        let old = self.users.insert(user.name().into(), user);
        if let Some(old) = &old {
            self.discount(old.hash.cost());
        }
        self.follow();
        old
    }

    /// Has these users instead, of whom no two have the same name; gives the old ones back.
    pub(super) fn replace(&mut self, users: Vec<User>) -> HashMap<Box<str>, User> {
        self.costs.clear();
        for user in &users {
            self.count(user.hash.cost());
        }
        let users = users.into_iter().map(|user| (user.name().into(), user));
        let old = std::mem::replace(&mut self.users, users.collect());
        self.follow();
        old
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<User> {
        let old = self.users.remove(name)?;
        self.discount(old.hash.cost());
        self.follow();
        Some(old)
    }

    pub(super) fn set_enabled(&mut self, name: &str, enabled: bool) -> bool {
        self.users
            .get_mut(name)
            .map(|user| user.enabled = enabled)
            .is_some()
    }

    pub(super) fn set_password(&mut self, name: &str, hash: PasswordHash) -> bool {
        let Some(user) = self.users.get_mut(name) else {
            return false;
        };
        let new = hash.cost();
        let old = std::mem::replace(&mut user.hash, hash).cost();
        self.count(new);
        self.discount(old);
        self.follow();
        true
    }

    fn count(&mut self, cost: Cost) {
        let count = self.costs.entry(cost).or_default();
        *count = count.saturating_add(1);
    }

    fn discount(&mut self, cost: Cost) {
        if let Some(count) = self.costs.get_mut(&cost) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.costs.remove(&cost);
            }
        }
    }

    fn follow(&mut self) {
        let costliest = self
            .costs
            .last_key_value()
            .map_or(Cost::RECOMMENDED, |(&cost, _)| cost);
        if self.nobody.cost() != costliest {
            self.nobody = self.nobody.at(costliest);
        }
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
        assert!(table.set_password("b", user("b", 12).hash));
        assert_eq!(memory(&table), 16);
        table.insert(user("c", 9));
        assert_eq!(memory(&table), 12);
        assert!(table.remove("b").is_some());
        assert_eq!(memory(&table), 9);
        assert!(table.remove("c").is_some());
        assert!(table.remove("a").is_some());
        assert!(table.remove("a").is_none());
        assert_eq!(table.nobody().cost(), Cost::RECOMMENDED);
        assert!(table.costs.is_empty());
        assert_eq!(table.len(), 0);
    }
}
