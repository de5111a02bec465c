//! Repository traits, one per aggregate, with SQLite and PostgreSQL behind them.
