//! What is counted once for the whole process, mostly by the control thread.

use super::Sheet;

crate::cells! {
    pub enum ProcessCell {
        gauge ActiveClusters "cluster_manager.active_clusters",
        counter CdsUpdateAttempt "cluster_manager.cds.update_attempt",
        counter CdsUpdateRejected "cluster_manager.cds.update_rejected",
        counter CdsUpdateSuccess "cluster_manager.cds.update_success",
        counter ClusterAdded "cluster_manager.cluster_added",
        counter ClusterModified "cluster_manager.cluster_modified",
        counter ClusterRemoved "cluster_manager.cluster_removed",
        gauge WarmingClusters "cluster_manager.warming_clusters",
        gauge ControlPlaneConnected "control_plane.connected_state",
        counter LdsUpdateAttempt "listener_manager.lds.update_attempt",
        counter LdsUpdateRejected "listener_manager.lds.update_rejected",
        counter LdsUpdateSuccess "listener_manager.lds.update_success",
        counter ListenerAdded "listener_manager.listener_added",
        counter ListenerCreateFailure "listener_manager.listener_create_failure",
        counter ListenerCreateSuccess "listener_manager.listener_create_success",
        counter ListenerModified "listener_manager.listener_modified",
        counter ListenerRemoved "listener_manager.listener_removed",
        gauge ListenersActive "listener_manager.total_listeners_active",
        gauge ListenersWarming "listener_manager.total_listeners_warming",
        gauge WorkersStarted "listener_manager.workers_started",
    }
}

/// The process's numbers.
#[derive(Debug)]
pub struct ProcessStats {
    pub cells: Sheet<ProcessCell>,
}

impl ProcessStats {
    pub fn new(threads: usize) -> Self {
        Self {
            cells: Sheet::new(threads),
        }
    }
}
