//! What a controller may ask of the helper. Pure. The values are the operator's, from the helper's own configuration.

use anteroom_machines::{CreateError, InvalidSpec, Limits, MachineSpec, OperationError};

/// What a controller may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// The user that the controller runs as; root may ask too.
    pub client: u32,
    /// How many machines there may be at once.
    pub max_machines: u32,
    /// The most that each may use.
    pub limits: Limits,
}

impl Policy {
    /// Whether a user may ask at all.
    #[must_use]
    pub fn may_ask(&self, user: u32) -> bool {
        user == 0 || user == self.client
    }

    /// Whether a machine may be made beside `others`.
    ///
    /// # Errors
    /// It would use more than is allowed, or be one too many.
    pub fn check(&self, spec: &MachineSpec, others: usize) -> Result<(), CreateError> {
        let asked = &spec.limits;
        for (field, asked, most) in [
            ("memory_mb", asked.memory_mb, self.limits.memory_mb),
            ("pids", asked.pids, self.limits.pids),
            ("cpu_percent", asked.cpu_percent, self.limits.cpu_percent),
            ("disk_mb", asked.disk_mb, self.limits.disk_mb),
        ] {
            if asked > most {
                let problem =
                    format!("is {asked}; machined's own configuration allows {most}: restart machined if it is old");
                let problem = InvalidSpec { field: format!("limits.{field}"), problem };
                return Err(CreateError::Invalid { machine: spec.id.clone(), problem });
            }
        }
        if others >= self.max_machines as usize {
            return Err(CreateError::Failed(OperationError {
                step: "make one more machine".to_owned(),
                machine: Some(spec.id.clone()),
                detail: format!("there are {others}, and machined's own configuration allows {}", self.max_machines),
            }));
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
